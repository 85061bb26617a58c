/** `fastvm vm`: the commands below it. */
import { Command } from "commander";
import { consoleCommand } from "./console.ts";
import { execCommand } from "./exec.ts";
import { forkCommand } from "./fork.ts";
import { vmGetCommand } from "./get.ts";
import { launchCommand } from "./launch.ts";
import { vmListCommand } from "./ls.ts";
import { logsCommand } from "./logs.ts";
import { pauseCommand } from "./pause.ts";
import { vmRenameCommand } from "./rename.ts";
import { powerCommands } from "./power.ts";
import { resumeCommand } from "./resume.ts";
import { vmRemoveCommand } from "./rm.ts";
import { vmStatsCommand } from "./stats.ts";

export function vmCommand(): Command {
  const vm = new Command("vm")
    .description("Work with VMs")
    .addCommand(launchCommand("request"))
    .addCommand(vmListCommand())
    .addCommand(vmGetCommand())
    .addCommand(execCommand())
    .addCommand(consoleCommand())
    .addCommand(vmStatsCommand())
    .addCommand(logsCommand())
    .addCommand(forkCommand())
    .addCommand(pauseCommand())
    .addCommand(resumeCommand())
    .addCommand(vmRenameCommand())
    .addCommand(vmRemoveCommand());
  for (const command of powerCommands()) vm.addCommand(command);
  return vm;
}
