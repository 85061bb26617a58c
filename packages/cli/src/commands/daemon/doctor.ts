/** `fastvm doctor`: looks at this host without a daemon and says what to mend. */
import type { Command } from "commander";
import { optionsOf } from "../../command-line/global-options.ts";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { daemonCommand, withDaemon } from "./daemon-flags.ts";
import type { Daemon } from "./daemon-flags.ts";

const MARKS = { ok: "ok  ", warn: "warn", fail: "FAIL" } as const;

export function doctorCommand(): Command {
  const command = daemonCommand("doctor", "Look at whether this machine can run VMs, and how well");
  return command.action(() =>
    withDaemon((daemon) => doctor(daemon, optionsOf<{ readonly dataDir?: string }>(command))),
  );
}

async function doctor(
  daemon: Daemon,
  options: { readonly dataDir?: string; readonly json?: boolean },
): Promise<void> {
  const config = daemon.readConfig({ dataDir: options.dataDir });
  const report = await withProgress("Looking", () => daemon.runDoctor(config));
  if (!report.ok) process.exitCode = 1;
  if (options.json === true) {
    printJson(report);
    return;
  }
  for (const { status, name, detail, hint } of report.checks) {
    printLine(`${MARKS[status]}  ${name}: ${detail}`);
    if (hint !== undefined) printLine(`      ${hint}`);
  }
}
