/** `-p` of the commands that make a VM: its ports are there for as long as the command runs. */
import { once } from "node:events";
import type { Published } from "../command-line/publish-option.ts";
import { remark } from "../output/print.ts";
import type { Session } from "../session.ts";
import { Forwards } from "./forward.ts";

/** With no ports nothing listens. */
export async function publish(
  session: Session,
  vmId: string,
  { publish: ports = [] }: { readonly publish?: readonly Published[] },
): Promise<Forwards> {
  const forwards = await Forwards.start(session, vmId, ports);
  for (const { local, vmPort } of forwards.list) remark(`${local} → port ${vmPort} of the VM`);
  return forwards;
}

/** The VM goes on then. Without ports there is nothing to wait for. */
export async function untilInterrupted({ signal }: Session, { list }: Forwards): Promise<void> {
  if (list.length === 0) return;
  remark("Ctrl-C ends that; the VM goes on");
  if (!signal.aborted) await once(signal, "abort");
}
