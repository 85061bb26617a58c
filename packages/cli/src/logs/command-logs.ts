/** What a VM's commands in the background have printed, and print. */
import { setTimeout as sleep } from "node:timers/promises";
import type { BackgroundExec } from "fastvm";
import { remark } from "../output/print.ts";
import type { Session } from "../session.ts";
import { lastLines } from "./last-lines.ts";
import type { LogWriter } from "./log-writer.ts";

/** How soon a command that was started meanwhile is heard. */
const LOOK_MS = 1000;
const SHORT_ID_CHARS = 8;

/** What is kept of each, oldest first. */
export async function printCommands(
  { client, signal }: Session,
  vmId: string,
  commands: readonly BackgroundExec[],
  tail: number | undefined,
  writer: LogWriter,
): Promise<void> {
  for (const { id } of commands) {
    const { stdout, stderr } = await client.vms.execs.output(vmId, id, {}, { signal });
    const source = id.slice(0, SHORT_ID_CHARS);
    await writer.write(source, lastLines(stdout, tail));
    writer.end(source);
    await writer.write(source, lastLines(stderr, tail));
    writer.end(source);
  }
}

/** Of these to their end; without them of all there are and will be, until the signal. */
export async function followCommands(
  session: Session,
  vmId: string,
  commands: readonly BackgroundExec[] | undefined,
  writer: LogWriter,
): Promise<void> {
  if (commands !== undefined) {
    await Promise.all(commands.map(({ id }) => follow(session, vmId, id, writer)));
    return;
  }
  const heard = new Map<string, Promise<void>>();
  for (;;) {
    const list = await session.client.vms.execs.list(vmId, { signal: session.signal });
    for (const { id } of list) {
      if (!heard.has(id)) heard.set(id, follow(session, vmId, id, writer));
    }
    await Promise.race([
      sleep(LOOK_MS, undefined, { signal: session.signal }),
      // One that fails ends all; those that have ended well say nothing here.
      ...[...heard.values()].map((each) => each.then(() => new Promise<void>(() => undefined))),
    ]);
  }
}

async function follow(
  { client, signal }: Session,
  vmId: string,
  id: string,
  writer: LogWriter,
): Promise<void> {
  const source = id.slice(0, SHORT_ID_CHARS);
  const handle = await client.vms.commands.connect(vmId, id, { signal });
  for await (const event of handle.output({}, { signal })) {
    if (event.type === "stdout" || event.type === "stderr") await writer.write(source, event.data);
    else if (event.type === "place" && event.lostBytes > 0)
      remark(`fastvm: ${event.lostBytes} bytes of ${source} before this were not kept`);
  }
  writer.end(source);
}
