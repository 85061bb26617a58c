/**
 * Finds where on the line the VM's own command begins and sets it off with `--`, so that `fastvm exec dev ls -la`
 * hands `-la` to ls, while the CLI's options may stand anywhere before it.
 */
import type { Command, Option } from "commander";

const commandOperand = new WeakMap<Command, number>();
const ownOperands = new WeakMap<Command, number>();

/** Marks that operand number `index` of this command begins the VM's command. */
export function takesRemoteCommand(command: Command, index: number): Command {
  commandOperand.set(command, index);
  return command;
}

/** Marks that all that follows this command's first `count` operands is not ours, options included. */
export function handsOnAllAfter(command: Command, count: number): Command {
  ownOperands.set(command, count);
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
    if (child !== undefined) {
      command = child;
      continue;
    }
    if (operands === commandOperand.get(command)) return separateAt(args, at);
    operands += 1;
    if (operands === ownOperands.get(command)) return separateAt(args, at + 1);
  }
  return [...args];
}

/** What follows the program's own options; undefined where one of them asks for the program's help. */
export function fromFirstOperand(program: Command, args: readonly string[]): readonly string[] | undefined {
  for (let at = 0; at < args.length; at += 1) {
    const token = args[at] ?? "";
    if (token === "--help" || token === "-h") return undefined;
    if (!token.startsWith("-")) return args.slice(at);
    if (takesNextToken(program, token)) at += 1;
  }
  return undefined;
}

function separateAt(args: readonly string[], at: number): string[] {
  return args[at] === "--" ? [...args] : [...args.slice(0, at), "--", ...args.slice(at)];
}

/** Whether the option's value is the next token: not for flags, `--name=value` and `-nvalue`. */
function takesNextToken(command: Command, token: string): boolean {
  return command.options.some(
    (option: Option) => option.required && (option.long === token || option.short === token),
  );
}
