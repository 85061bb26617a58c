/** `fastvm image start`: what VMs of an image begin with. */
import type { Command } from "commander";
import { optionsOf } from "../../command-line/global-options.ts";
import { portNumber, wholeNumber } from "../../command-line/option-values.ts";
import { printJson, printLine } from "../../output/print.ts";
import { daemonCommand, withDaemon } from "./daemon-flags.ts";

interface StartFlags {
  readonly dataDir?: string;
  readonly json?: boolean;
  readonly command?: string;
  readonly readyPort?: number;
  readonly readyHttp?: string;
  readonly readyCommand?: string;
  readonly timeout?: number;
  readonly org?: string;
}

export function startCommand(): Command {
  const command = daemonCommand("start", "Say what VMs of an image have running when they are launched")
    .argument("<image>", "reference, or digest of one that has one name")
    .option("--command <command>", "by the VM's shell, as root; without it, nothing")
    .option("--ready-port <port>", "it is ready when something listens there", portNumber)
    .option("--ready-http <url>", "when that answers, from inside: http://127.0.0.1:8080/health")
    .option("--ready-command <command>", "when that ends with 0")
    .option("--org <name>", "whose name it is (default: everybody's)")
    .option("--timeout <seconds>", "for it to be ready (default: 60)", wholeNumber);
  return command.action((image: string) =>
    withDaemon(async (daemon) => {
      const { json, dataDir, timeout, org, ...start } = optionsOf<StartFlags>(command);
      const { command: started, readyPort, readyHttp, readyCommand } = start;
      const folder = daemon.readConfig({ dataDir }).dataDir;
      const wanted = {
        image,
        org,
        command: started,
        readyPort,
        readyHttp,
        readyCommand,
        timeoutSec: timeout,
      };
      const { reference } = await daemon.setImageStart(folder, wanted);
      if (json === true) printJson({ reference });
      else
        printLine(started === undefined ? `${reference} starts nothing` : `${reference} starts ${started}`);
    }),
  );
}
