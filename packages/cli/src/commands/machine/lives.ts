/** What becomes of a machine: `pause`, `hibernate`, `resume`, `fork`, `timeout set`, `kill`. */
import { Command, Option } from "commander";
import type { TimeoutAction } from "fastvm/machines";
import { positiveInteger } from "../../command-line/option-values.ts";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { machineCommand } from "./machine-command.ts";

export function pauseCommands(): Command[] {
  return (["pause", "hibernate"] as const).map((name) =>
    machineCommand({
      name,
      operands: ["<machine>"],
      summary: "Save its memory and stop it; prints the snapshot that it is resumed by",
      example: `${name} MACHINE`,
      run: async ({ operands: [id = ""], isJson, api, machines }) => {
        const machine = await machines.attach(id, api);
        const snapshot = await withProgress(`Saving ${id}`, () => machine[name](api));
        if (isJson) printJson(snapshot);
        else printLine(snapshot.id);
      },
    }),
  );
}

export function resumeMachineCommand(): Command {
  return machineCommand({
    name: "resume",
    operands: ["<snapshot>"],
    summary: "Go on from a pause, by its snapshot or an id of the machine; prints the new id",
    example: "resume MACHINE",
    run: async ({ operands: [id = ""], isJson, api, machines }) => {
      const { info } = await withProgress(`Resuming ${id}`, () => machines.resume(id, api));
      if (isJson) printJson(info);
      else printLine(info.id);
    },
  });
}

export function forkMachineCommand(): Command {
  return machineCommand<{ readonly idempotencyKey?: string }>({
    name: "fork",
    operands: ["<machine>"],
    summary: "Make a machine that goes on from where this one is; prints its id",
    example: "fork MACHINE",
    configure: (command) => command.option("--idempotency-key <key>", "the same key gives the same machine"),
    run: async ({ operands: [id = ""], options: { idempotencyKey }, isJson, api, machines }) => {
      const machine = await machines.attach(id, api);
      const order = { idempotencyKey, signal: api.signal };
      const { info } = await withProgress(`Forking ${id}`, () => machine.fork(order));
      if (isJson) printJson(info);
      else printLine(info.id);
    },
  });
}

export function timeoutCommand(): Command {
  const set = machineCommand<{ readonly action?: TimeoutAction }>({
    name: "set",
    operands: ["<machine>", "<seconds>"],
    summary: "Begin its timeout anew",
    example: "timeout set MACHINE 600 --action hibernate",
    configure: (command) =>
      command.addOption(
        new Option("--action <action>", "what then becomes of it").choices(["destroy", "hibernate"]),
      ),
    run: async ({ operands: [id = "", seconds = ""], options: { action }, isJson, api, machines }) => {
      const change = { signal: api.signal, ...(action === undefined ? {} : { timeoutAction: action }) };
      const lease = await (await machines.attach(id, api)).setTimeout(positiveInteger(seconds), change);
      if (isJson) printJson(lease);
      else printLine(lease.timeoutAt ?? "-");
    },
  });
  return new Command("timeout").description("Work with a machine's timeout").addCommand(set);
}

export function killMachineCommand(): Command {
  return machineCommand({
    name: "kill",
    operands: ["<machine>"],
    summary: "Destroy a machine",
    example: "kill MACHINE",
    run: async ({ operands: [id = ""], isJson, api, machines }) => {
      const machine = await machines.attach(id, api);
      await withProgress(`Destroying ${id}`, () => machine.kill(api));
      if (isJson) printJson({ id, status: "destroyed" });
      else printLine(id);
    },
  });
}
