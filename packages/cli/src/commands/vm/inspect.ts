/** `fastvm inspect`: all that the API has to say of VMs, snapshots and volumes. */
import type { Command } from "commander";
import { printJson } from "../../output/print.ts";
import type { Session } from "../../session.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { snapshotIdFor, vmIdFor, volumeIdFor } from "../resolve.ts";

export function inspectCommand(): Command {
  return apiCommand({
    name: "inspect",
    operands: ["<vm...>"],
    summary: "Print all there is to know of VMs, or else of snapshots and volumes, as JSON",
    run: async ({ session, operands }) => {
      const found: unknown[] = [];
      for (const ref of operands) found.push(await inspect(session, ref));
      printJson(found);
    },
  });
}

type Look = (session: Session, ref: string) => Promise<unknown>;

/** The first kind that has such a thing. */
const LOOKS: readonly Look[] = [
  async (session, ref) =>
    await session.client.vms.get(await vmIdFor(session, ref), { signal: session.signal }),
  async (session, ref) =>
    await session.client.snapshots.get(await snapshotIdFor(session, ref), { signal: session.signal }),
  async (session, ref) =>
    await session.client.volumes.retrieve(await volumeIdFor(session, ref), { signal: session.signal }),
];

async function inspect(session: Session, ref: string): Promise<unknown> {
  for (const look of LOOKS) {
    try {
      return await look(session, ref);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  throw new UserError(
    `There is no VM, snapshot or volume ${JSON.stringify(ref)}`,
    "See what there is with: fastvm ls, fastvm snapshot ls, fastvm volume ls",
  );
}

/** By the server's answer about an id, or by ours about a name. One that fits several is told. */
function isMissing(error: unknown): boolean {
  if (error instanceof UserError) return error.message.startsWith("There is no ");
  return error instanceof Error && "status" in error && error.status === 404;
}
