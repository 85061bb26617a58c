/** `fastvm vm`: the commands below it. */
import { Command } from "commander";
import { consoleCommand } from "./console.ts";
import { execCommand } from "./exec.ts";
import { forkCommand } from "./fork.ts";
import { vmGetCommand } from "./get.ts";
import { inspectCommand } from "./inspect.ts";
import { launchCommand } from "./launch.ts";
import { vmListCommand } from "./ls.ts";
import { logsCommand } from "./logs.ts";
import { pauseCommand } from "./pause.ts";
import { vmRenameCommand } from "./rename.ts";
import { powerCommands } from "./power.ts";
import { resumeCommand } from "./resume.ts";
import { vmRemoveCommand } from "./rm.ts";
import { vmStatsCommand } from "./stats.ts";
import { topCommand } from "./top.ts";
import { updateCommand } from "./update.ts";
import { waitCommand } from "./wait.ts";

export function vmCommand(): Command {
  const vm = new Command("vm")
    .description("Work with VMs")
    .alias("sandbox")
    .addCommand(launchCommand("request"))
    .addCommand(vmListCommand())
    .addCommand(vmGetCommand())
    .addCommand(execCommand())
    .addCommand(consoleCommand())
    .addCommand(inspectCommand())
    .addCommand(vmStatsCommand())
    .addCommand(topCommand())
    .addCommand(waitCommand())
    .addCommand(logsCommand())
    .addCommand(forkCommand())
    .addCommand(pauseCommand())
    .addCommand(resumeCommand())
    .addCommand(vmRenameCommand())
    .addCommand(updateCommand())
    .addCommand(vmRemoveCommand());
  for (const command of powerCommands()) vm.addCommand(command);
  return vm;
}
