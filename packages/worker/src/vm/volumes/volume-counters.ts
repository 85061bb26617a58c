/** What guests have asked of their volumes, as the servers count it: since each began. */
import type { VmId, VolumeId } from "@fastvm/contract";
import { ControlConnection } from "../../volumes/server/control.ts";
import type { Vm } from "../state/vm.ts";
import { controlSocket, isServed } from "./volume-server.ts";

/** One that does not answer by then is missing in this reading: figures are read every few seconds. */
const DEADLINE_MS = 1000;

export interface VolumeCounters {
  readonly vmId: VmId;
  /** Of what is no volume, the mount's own id. */
  readonly volumeId: VolumeId;
  readonly requests: Readonly<Record<"read" | "write" | "meta" | "lock", number>>;
  readonly errors: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Of all requests together. */
  readonly sumSec: number;
  readonly worstSec: number;
}

interface Told extends Pick<VolumeCounters, "requests" | "errors" | "bytesRead" | "bytesWritten"> {
  readonly tag: VolumeId;
  readonly ns: number;
  readonly worstNs: number;
}

/** Of every VM that has a server. */
export async function volumeCounters(vms: Iterable<Vm>): Promise<readonly VolumeCounters[]> {
  return (await Promise.all([...vms].map(countersOf))).flat();
}

async function countersOf(vm: Vm): Promise<readonly VolumeCounters[]> {
  if (vm.record.phase !== "running" || !(await isServed(vm))) return [];
  try {
    using connection = await ControlConnection.open(controlSocket(vm), { deadlineMs: DEADLINE_MS });
    const { told } = await connection.ask("stats", { deadlineMs: DEADLINE_MS });
    return (told["attachments"] as readonly Told[]).map(({ tag, ns, worstNs, ...counted }) => ({
      vmId: vm.record.vmId,
      volumeId: tag,
      requests: counted.requests,
      errors: counted.errors,
      bytesRead: counted.bytesRead,
      bytesWritten: counted.bytesWritten,
      sumSec: ns / 1e9,
      worstSec: worstNs / 1e9,
    }));
  } catch {
    // It has ended meanwhile, and another is being started.
    return [];
  }
}
