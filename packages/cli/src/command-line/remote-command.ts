/**
 * Finds where on the line the VM's own command begins and sets it off with `--`, so that `fastvm exec dev ls -la`
 * hands `-la` to ls, while the CLI's options may stand anywhere before it.
 */
import type { Command, Option } from "commander";

const commandOperand = new WeakMap<Command, number>();

/** Marks that operand number `index` of this command begins the VM's command. */
export function takesRemoteCommand(command: Command, index: number): Command {
  commandOperand.set(command, index);
  return command;
}

/** `args` without the program's own name. Returns it unchanged when there is nothing to set off. */
export function separateRemoteCommand(program: Command, args: readonly string[]): string[] {
  let command = program;
  let operands = 0;
  for (let at = 0; at < args.length; at += 1) {
    const token = args[at] ?? "";
    if (token === "--") break;
    if (token.startsWith("-") && token !== "-") {
      if (takesNextToken(command, token)) at += 1;
      continue;
    }
    const child = command.commands.find((each) => each.name() === token || each.aliases().includes(token));
    if (child !== undefined) command = child;
    else if (operands === commandOperand.get(command)) return [...args.slice(0, at), "--", ...args.slice(at)];
    else operands += 1;
  }
  return [...args];
}

/** Whether the option's value is the next token: not for flags, `--name=value` and `-nvalue`. */
function takesNextToken(command: Command, token: string): boolean {
  return command.options.some(
    (option: Option) => option.required && (option.long === token || option.short === token),
  );
}
