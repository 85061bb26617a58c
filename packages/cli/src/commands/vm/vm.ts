/** `fastvm vm`: the commands below it. */
import { Command } from "commander";
import { loadNamed } from "../../command-line/command-source.ts";
import { VM_VERBS } from "./verbs.ts";

/** With the verb that `rest` begins with, or with all. */
export async function vmCommand(rest?: readonly string[]): Promise<Command> {
  const vm = new Command("vm").description("Work with VMs").alias("sandbox");
  for (const command of await loadNamed(VM_VERBS, rest)) vm.addCommand(command);
  return vm;
}
