/** The frame of a command on machines: the options of all, an action that is given what it works with, and its own exit codes. */
import { Command } from "commander";
import type { Machine, MachineOptions } from "fastvm/machines";
import { optionsOf } from "../../command-line/global-options.ts";
import { interruptedExitCode, interruptSignal, listenForInterrupts } from "../../interrupt.ts";
import { findMachinesConnection } from "../../settings/machines-connection.ts";
import { readEnvironment } from "../../settings/environment.ts";
import { tellMachineFailure } from "./exit-codes.ts";

interface MachineCall<Options> {
  readonly operands: readonly string[];
  readonly options: Options;
  readonly isJson: boolean;
  /** Server and key, and the signal that ends the command. */
  readonly api: MachineOptions & { readonly signal: AbortSignal };
  /** Loaded only when a command runs, so that help need not wait for it. */
  readonly machines: typeof Machine;
}

interface MachineCommandSpec<Options> {
  readonly name: string;
  readonly operands?: readonly string[];
  readonly summary: string;
  /** What the test types, and what help shows; `MACHINE` stands for an id. */
  readonly example: string;
  readonly configure?: (command: Command) => Command;
  readonly run: (call: MachineCall<Options>) => Promise<void>;
}

export function machineCommand<Options extends object = object>(spec: MachineCommandSpec<Options>): Command {
  const command = new Command(spec.name).description(spec.summary);
  command
    .option("--api-key <key>", "key of the API of machines (environment: NULLSPACE_API_KEY)")
    .option("--base-url <url>", "API to talk to (environment: NULLSPACE_API_URL)")
    .option("--json", "print JSON for programs")
    .addHelpText("after", `\nExample: fastvm machine ${spec.example}`);
  for (const operand of spec.operands ?? []) command.argument(operand);
  spec.configure?.(command);
  return command.action(async () => {
    const options = optionsOf<Options>(command);
    const isJson = options.json === true;
    try {
      listenForInterrupts();
      const { Machine: machines } = await import("fastvm/machines");
      const connection = await findMachinesConnection(options, readEnvironment());
      const api = { ...connection, signal: interruptSignal };
      await spec.run({ operands: command.args, options, isJson, api, machines });
    } catch (error) {
      process.exitCode = interruptedExitCode() ?? (await tellMachineFailure(error, isJson));
    }
  });
}
