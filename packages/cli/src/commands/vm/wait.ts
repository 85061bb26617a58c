/** `fastvm wait`: for VMs to become something, or for a command in one to end. */
import { Option } from "commander";
import type { Command } from "commander";
import { setTimeout as sleep } from "node:timers/promises";
import { positiveInteger } from "../../command-line/option-values.ts";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import type { Session } from "../../session.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

/** Between two looks: more often loads the server, and a VM takes longer to change. */
const LOOK_MS = 500;

/** Of each, the states from which a VM does not come there by itself, or only by somebody's order. */
const HOPELESS: Readonly<Record<string, readonly string[]>> = {
  running: ["paused", "stopped", "deleting", "error", "deleted"],
  paused: ["stopped", "deleting", "error", "deleted"],
  stopped: [],
  deleted: [],
};
/** Somebody who waits for its end has it with these, too. */
const ENDS: readonly string[] = ["stopped", "error", "deleted"];

interface WaitOptions {
  readonly until: string;
  readonly timeout?: number;
}

export function waitCommand(): Command {
  return apiCommand<WaitOptions>({
    name: "wait",
    operands: ["<vm...>"],
    summary: "Wait until VMs have stopped, or are what --until says, and print what they are",
    configure: (command) =>
      command
        .addOption(
          new Option("--until <status>", "what is waited for")
            .choices(Object.keys(HOPELESS))
            .default("stopped"),
        )
        .option("--timeout <seconds>", "give up after that (default: never)", positiveInteger),
    run: async ({ session, operands, options: { until, timeout } }) => {
      const vmIds = await Promise.all(operands.map((vm) => vmIdFor(session, vm)));
      const deadline = timeout === undefined ? undefined : performance.now() + timeout * 1000;
      const waiting = (): Promise<string[]> =>
        Promise.all(vmIds.map((vmId) => statusAt(session, vmId, until, deadline)));
      const statuses = await withProgress(`Waiting for ${until}`, waiting);
      if (session.isJson) printJson(vmIds.map((id, at) => ({ id, status: statuses[at] })));
      else for (const status of statuses) printLine(status);
    },
  });
}

async function statusAt(
  session: Session,
  vmId: string,
  until: string,
  deadline: number | undefined,
): Promise<string> {
  for (;;) {
    const status = await statusOf(session, vmId);
    if (status === until || (until === "stopped" && ENDS.includes(status))) return status;
    if (HOPELESS[until]?.includes(status) === true)
      throw new UserError(`VM ${vmId} is ${status}`, `See why with: fastvm vm get ${vmId}`);
    if (deadline !== undefined && performance.now() >= deadline)
      throw new UserError(
        `VM ${vmId} is still ${status}`,
        `Wait on with: fastvm wait ${vmId} --until ${until}`,
      );
    await sleep(LOOK_MS, undefined, { signal: session.signal });
  }
}

/** One that is gone is in no list. */
async function statusOf({ client, signal }: Session, vmId: string): Promise<string> {
  try {
    return (await client.vms.get(vmId, { signal })).status;
  } catch (error) {
    if (error instanceof Error && "status" in error && error.status === 404) return "deleted";
    throw error;
  }
}
