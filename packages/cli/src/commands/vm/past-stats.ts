/** `fastvm stats --past`: what VMs used, sample by sample. */
import type { VmMetrics } from "fastvm";
import { bytes, localTime } from "../../output/format.ts";
import { printJson, printLine } from "../../output/print.ts";
import { renderTable } from "../../output/table.ts";
import type { Session } from "../../session.ts";

const HEADER = ["AT", "CPU", "MEMORY", "OWN", "DISK"];

/** Of all that run, when none is named. */
export async function showPast(session: Session, vmIds: readonly string[], pastMs: number): Promise<void> {
  const { client, signal, isJson } = session;
  const since = new Date(Date.now() - pastMs).toISOString();
  const running = vmIds.length > 0 ? [] : await client.vms.list({ status: "running" }, { signal });
  const ids = [...vmIds, ...running.map(({ id }) => id)];
  const found = await Promise.all(
    ids.map(async (id) => ({ id, ...(await client.vms.metrics(id, { since }, { signal })) })),
  );
  if (isJson) {
    printJson(found);
    return;
  }
  for (const { id, samples } of found) {
    if (found.length > 1) printLine(id);
    printLine(renderTable(HEADER, samples.map(rowOf)));
  }
}

function rowOf({ at, cpuPercent, memoryBytes, diskBytes }: VmMetrics["samples"][number]): string[] {
  const { resident, own } = memoryBytes;
  return [localTime(at), `${cpuPercent} %`, bytes(resident), bytes(own), bytes(diskBytes)];
}
