/** `fastvm machine`: the API of machines at the command line, where its verbs are not those of `vm`. */
import { Command } from "commander";
import { sshAccessCommand } from "./access.ts";
import { codeCommand } from "./code.ts";
import { machineExecCommand } from "./exec.ts";
import { fileCommand, uploadCommand } from "./files.ts";
import { lifecycleCommand } from "./lifecycle.ts";
import {
  killMachineCommand,
  pauseCommands,
  forkMachineCommand,
  resumeMachineCommand,
  timeoutCommand,
} from "./lives.ts";
import { previewUrlCommand, proxyTargetCommand, urlCommand } from "./ports.ts";
import { metricsCommand, processCommand } from "./processes.ts";
import { ptyCommand } from "./ptys.ts";
import { createMachineCommand, getMachineCommand, listMachinesCommand } from "./records.ts";
import { machineSnapshotCommand } from "./snapshots.ts";
import { templateCommand } from "./templates.ts";
import { machineVolumeCommand } from "./volumes.ts";

const AFTERWORD = `
Exit codes: 0 done; 1 failed; 2 a line or request that cannot be meant; 3 not found; 4 no key, or one that is not known;
5 not allowed; 6 a quota or limit; 7 in no state for it; 8 a command that could not be run to its end; exec, code run, pty: the command's.`;

export function machinesCommand(): Command {
  const command = new Command("machine")
    .description("Work with machines: the VMs as clients of Nullspace see them")
    .addHelpText("after", AFTERWORD);
  const commands = [
    createMachineCommand(),
    listMachinesCommand(),
    getMachineCommand(),
    machineExecCommand(),
    ...pauseCommands(),
    resumeMachineCommand(),
    forkMachineCommand(),
    timeoutCommand(),
    lifecycleCommand(),
    metricsCommand(),
    urlCommand(),
    previewUrlCommand(),
    proxyTargetCommand(),
    sshAccessCommand(),
    uploadCommand(),
    fileCommand(),
    processCommand(),
    ptyCommand(),
    codeCommand(),
    machineSnapshotCommand(),
    machineVolumeCommand(),
    templateCommand(),
    killMachineCommand(),
  ];
  for (const each of commands) command.addCommand(each);
  return command;
}
