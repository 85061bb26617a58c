/** All commands, and the frame around a run of one: signals, errors and the exit code. */
import { Command, CommanderError } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { addGlobalOptions } from "./command-line/global-options.ts";
import { separateRemoteCommand } from "./command-line/remote-command.ts";
import { buildCommand } from "./commands/builds/build.ts";
import { completeCommand, completionCommand } from "./commands/completion.ts";
import { configCommand } from "./commands/config.ts";
import { contextCommand } from "./commands/context.ts";
import { backupCommand, restoreCommand } from "./commands/daemon/backup.ts";
import { doctorCommand } from "./commands/daemon/doctor.ts";
import { imageCommand } from "./commands/daemon/image.ts";
import { keyCommand } from "./commands/daemon/key.ts";
import { orgCommand } from "./commands/daemon/org.ts";
import { quarantineCommand } from "./commands/daemon/quarantine.ts";
import { serveCommand } from "./commands/daemon/serve.ts";
import { systemCommand } from "./commands/daemon/system.ts";
import { daemonGroup } from "./commands/daemon/stop.ts";
import { copyCommand } from "./commands/files/cp.ts";
import { firewallCommand } from "./commands/firewall/firewall.ts";
import { loginCommand, logoutCommand } from "./commands/login.ts";
import { auditCommand } from "./commands/audit.ts";
import { eventsCommand } from "./commands/events.ts";
import { dfCommand } from "./commands/df.ts";
import { USAGE_EXIT_CODE } from "./commands/machine/exit-codes.ts";
import { manCommand } from "./commands/man.ts";
import { machinesCommand } from "./commands/machine/machine.ts";
import { portCommand } from "./commands/port.ts";
import { quotaCommand } from "./commands/quota.ts";
import { registryCommand } from "./commands/registry.ts";
import { webhookCommand } from "./commands/webhook.ts";
import { serviceCommand } from "./commands/service.ts";
import { snapshotCommand } from "./commands/snapshot/snapshot.ts";
import { attachCommand, killCommand, psCommand } from "./commands/vm/background.ts";
import { consoleCommand } from "./commands/vm/console.ts";
import { execCommand } from "./commands/vm/exec.ts";
import { launchCommand } from "./commands/vm/launch.ts";
import { logsCommand } from "./commands/vm/logs.ts";
import { vmRemoveCommand } from "./commands/vm/rm.ts";
import { runCommand } from "./commands/vm/run.ts";
import { shortVerbs } from "./commands/vm/short-verbs.ts";
import { sshCommand } from "./commands/vm/ssh.ts";
import { sshKeyCommand } from "./commands/ssh-key.ts";
import { vmCommand } from "./commands/vm/vm.ts";
import { bucketCommand } from "./commands/bucket/bucket.ts";
import { volumeCommand } from "./commands/volume/volume.ts";
import { addExamples } from "./help/examples.ts";
import { interruptedExitCode } from "./interrupt.ts";
import { describeFailure, tellFailure } from "./output/failure.ts";
import { addFormatOption, applyFormat } from "./output/format-option.ts";

const AFTERWORD = `
VMs and snapshots are named by id, the first characters of one, or name.
Exit codes: that of the command in the VM for exec, run and ssh; 0 done; 1 failed, with the reason and a hint on
stderr; 130 and 143 interrupted; 141 nobody reads the output.`;

/** Old habits type them without a VM (commands/vm/power.ts). */
const WITH_WORDS_OF_THEIR_OWN: ReadonlySet<string> = new Set(["fastvm stop", "fastvm vm stop"]);

export function buildProgram(): Command {
  const program = addGlobalOptions(new Command("fastvm"))
    .description("MicroVMs that launch, run, snapshot and fork")
    .version(packageJson.version)
    .showHelpAfterError("(see: fastvm --help)")
    .addHelpText("after", AFTERWORD);
  const commands = [
    serveCommand(),
    daemonGroup(),
    doctorCommand(),
    backupCommand(),
    restoreCommand(),
    quarantineCommand(),
    orgCommand(),
    keyCommand(),
    imageCommand(),
    systemCommand(),
    buildCommand(),
    launchCommand("default"),
    runCommand(),
    execCommand(),
    psCommand(),
    attachCommand(),
    killCommand(),
    consoleCommand(),
    sshCommand(),
    logsCommand(),
    copyCommand(),
    portCommand(),
    vmRemoveCommand(),
    ...shortVerbs(),
    vmCommand(),
    snapshotCommand(),
    volumeCommand(),
    bucketCommand(),
    machinesCommand(),
    firewallCommand(),
    serviceCommand(),
    sshKeyCommand(),
    registryCommand(),
    quotaCommand(),
    dfCommand(),
    eventsCommand(),
    auditCommand(),
    webhookCommand(),
    loginCommand(),
    logoutCommand(),
    contextCommand(),
    configCommand(),
    completionCommand(),
  ];
  for (const command of commands) program.addCommand(command);
  program.addCommand(completeCommand(program), { hidden: true });
  program.addCommand(manCommand(program));
  addFormatOption(program);
  addExamples(program);
  program.hook("preAction", (_, command) => applyFormat(command));
  throwOnExit(program);
  for (const command of program.commands) pointToHelp(command, `fastvm ${command.name()}`);
  return program;
}

/** Runs the command that `args` name; resolves to the exit code. */
export async function runProgram(args: readonly string[]): Promise<number> {
  const program = buildProgram();
  const line = separateRemoteCommand(program, args);
  // Looked for by hand: a line that cannot be read has an error to tell, too.
  const end = line.indexOf("--");
  const wantsJson = line.slice(0, end === -1 ? undefined : end).includes("--json");
  if (wantsJson) tellUsageAsJson(program);
  try {
    await program.parseAsync(line, { from: "user" });
    return interruptedExitCode() ?? Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has printed its own message, or the help that was asked for.
    if (error instanceof CommanderError)
      return error.exitCode !== 0 && line.includes("machine") ? USAGE_EXIT_CODE : error.exitCode;
    const interrupted = interruptedExitCode();
    if (interrupted !== undefined) return interrupted;
    tellFailure(await describeFailure(error), wantsJson);
    return 1;
  }
}

/** Where a command line that cannot be read is told how it is written; but for commands that say more about it themselves. */
function pointToHelp(command: Command, words: string): void {
  if (!WITH_WORDS_OF_THEIR_OWN.has(words)) command.showHelpAfterError(`(see: ${words} --help)`);
  for (const child of command.commands) pointToHelp(child, `${words} ${child.name()}`);
}

/** A command line that cannot be read, as one object and without the help behind it. */
function tellUsageAsJson(command: Command): void {
  command.showHelpAfterError(false);
  command.configureOutput({
    outputError: (text) => tellFailure({ message: text.trim().replace(/^error: /, "") }, true),
  });
  for (const child of command.commands) tellUsageAsJson(child);
}

/** Commander would end the process in the middle; subcommands that are added do not inherit this. */
function throwOnExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwOnExit(child);
}
