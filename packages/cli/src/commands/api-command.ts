/** The frame of a command that talks to the API: the global options, and an action that is given a session. */
import { Command } from "commander";
import { addGlobalOptions, optionsOf } from "../command-line/global-options.ts";
import { openSession } from "../session.ts";
import type { Session } from "../session.ts";

interface Call<Options> {
  readonly session: Session;
  /** The operands as they were typed; commander has checked that the required ones are there. */
  readonly operands: readonly string[];
  readonly options: Options;
}

interface ApiCommandSpec<Options> {
  readonly name: string;
  /** In commander's notation: `<required>`, `[optional]`, `<many...>`. */
  readonly operands?: readonly string[];
  readonly summary: string;
  readonly configure?: (command: Command) => Command;
  readonly run: (call: Call<Options>) => Promise<void>;
}

export function apiCommand<Options extends object = object>(spec: ApiCommandSpec<Options>): Command {
  const command = addGlobalOptions(new Command(spec.name)).description(spec.summary);
  for (const operand of spec.operands ?? []) command.argument(operand);
  spec.configure?.(command);
  return command.action(async () => {
    const session = await openSession(command);
    await spec.run({ session, operands: command.args, options: optionsOf<Options>(command) });
  });
}
