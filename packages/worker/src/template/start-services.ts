/**
 * What an image is to have running when its template is captured, and how it is known to be ready: every VM of it then begins where this
 * one had come to.
 */
import { FastvmError } from "@fastvm/contract";
import type { ImageStart, ReadinessProbe } from "@fastvm/contract";
import { startExec } from "../exec/start-exec.ts";
import type { CommandSetting } from "../exec/start-exec.ts";
import type { GuestLink } from "../guest-link/guest-link.ts";

const LOG = "/var/log/fastvm-start.log";
/** Of what it said, for who asks why it is not ready. */
const MAX_SAID_CHARS = 2000;
/** A session of its own: it lives on after the command that begins it. */
const BEGIN = `mkdir -p /var/log; setsid sh -c "$1" start >${LOG} 2>&1 </dev/null &`;
const POLL_SEC = "0.2";
const SAID = `tail -c ${MAX_SAID_CHARS} ${LOG}`;

/** Rejects with `image_invalid` when it is not ready in its time, with the end of what the command said. */
export async function startServices(
  link: GuestLink,
  { command, ready, timeoutSec }: ImageStart,
  setting: CommandSetting,
): Promise<void> {
  const run = async (argv: readonly string[], timeoutMs: number): Promise<Outcome> =>
    await outcomeOf(startExec(link, { command: argv, timeoutMs }, setting));
  const timeoutMs = timeoutSec * 1000;
  await run(["sh", "-c", BEGIN, "begin", command], timeoutMs);
  if (ready === undefined) return;
  const { exitCode, timedOut } = await run(
    ["sh", "-c", waitFor(ready), "ready", ...argumentsOf(ready)],
    timeoutMs,
  );
  if (exitCode === 0 && !timedOut) return;
  const { output } = await run(["sh", "-c", SAID], timeoutMs);
  const said = output.trim() === "" ? "" : `; it said: ${output.trim()}`;
  throw new FastvmError("image_invalid", `its start command was not ready within ${timeoutSec} s${said}`);
}

interface Outcome {
  readonly exitCode: number;
  readonly timedOut: boolean;
  readonly output: string;
}

async function outcomeOf(session: ReturnType<typeof startExec>): Promise<Outcome> {
  let output = "";
  for await (const event of session) {
    if (event.kind === "exit") return { exitCode: event.exitCode, timedOut: event.timedOut, output };
    output = (output + Buffer.from(event.data).toString()).slice(-MAX_SAID_CHARS);
  }
  throw new Error("The start command's session has no end");
}

/** No image need have a tool for it: the kernel lists who listens, and an address is asked with whichever of two is there. */
function waitFor(ready: ReadinessProbe): string {
  const probe = {
    port: `cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -qi "^ *[0-9]*: [0-9A-F]*:$1 [0-9A-F]*:0000 0A "`,
    http: `curl -fsS -o /dev/null "$1" 2>/dev/null || wget -q -O /dev/null "$1" 2>/dev/null`,
    command: `sh -c "$1" ready >/dev/null 2>&1`,
  }[ready.kind];
  return `until { ${probe}; }; do sleep ${POLL_SEC}; done`;
}

function argumentsOf(ready: ReadinessProbe): readonly string[] {
  switch (ready.kind) {
    case "port":
      return [ready.port.toString(16).toUpperCase().padStart(4, "0")];
    case "http":
      return [ready.url];
    case "command":
      return [ready.command];
    default:
      return ready satisfies never;
  }
}
