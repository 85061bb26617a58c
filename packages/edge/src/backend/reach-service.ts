/** From a service's address to a connection to it: looked up, awake, dialled. Nothing of the request is read meanwhile. */
import type { Duplex } from "node:stream";
import {
  FastvmError,
  type ErrorCode,
  type ServiceLookup,
  type VmId,
  type WorkerPort,
} from "@fastvm/contract";
import { ProxyError } from "../answer/proxy-errors.ts";
import type { EdgeLimits } from "../limits.ts";
import type { ConnectionCounts } from "./connection-counts.ts";
import { unlessAborted } from "./unless-aborted.ts";
import type { Wakes } from "./wakes.ts";

export interface ReachParts {
  readonly worker: Pick<WorkerPort, "dial">;
  readonly wakes: Wakes;
  readonly counts: ConnectionCounts;
  readonly limits: EdgeLimits;
}

interface ServiceConnection {
  readonly connection: Duplex;
  readonly h2c: boolean;
}

export type Known = Extract<ServiceLookup, { kind: "known" }>;

/** A VM may be paused between the look and the dial; one more look tells. */
const LOOKS = 2;

/** `lookUp`: how the VM is, and on which port. Rejects with a ProxyError, or with the signal's reason. */
export async function reachService(
  parts: ReachParts,
  vmId: VmId,
  lookUp: () => Promise<Known>,
  gone: AbortSignal,
): Promise<ServiceConnection> {
  for (let look = 1; ; look += 1) {
    let known = await lookUp();
    if (known.status !== "running") {
      await wakeOr503(parts, vmId, known, gone);
      // It may have changed while the VM slept.
      known = await lookUp();
    }
    const connection = await dial(parts, vmId, known.port, gone, look === LOOKS);
    if (connection !== undefined) return { connection, h2c: known.h2c };
  }
}

async function wakeOr503(parts: ReachParts, vmId: VmId, known: Known, gone: AbortSignal): Promise<void> {
  const { status, autoResume } = known;
  if (status === "provisioning") throw new ProxyError("machine_not_ready", "it is being launched");
  const isPaused = status === "paused" || status === "pausing";
  if (isPaused && !autoResume) throw new ProxyError("machine_paused_auto_resume_disabled");
  if (!isPaused && status !== "resuming") throw new ProxyError("machine_not_running", `it is ${status}`);
  const late = AbortSignal.timeout(parts.limits.wakeMs);
  try {
    await parts.wakes.wake(vmId, AbortSignal.any([gone, late]));
  } catch (error) {
    gone.throwIfAborted();
    if (late.aborted) throw new ProxyError("machine_resume_timeout", undefined, { cause: error });
    if (hasCode(error, "not_found")) throw new ProxyError("machine_not_found", undefined, { cause: error });
    // Its own words may tell what only the VM's owner should know; the API tells them to those with a key.
    throw new ProxyError("machine_resume_failed", undefined, { cause: error });
  }
}

/** `undefined`: the VM turned out not to run, and it is not the last look. */
async function dial(
  { worker, counts, limits }: ReachParts,
  vmId: VmId,
  port: number,
  gone: AbortSignal,
  isLast: boolean,
): Promise<Duplex | undefined> {
  const release = counts.take(vmId);
  const signal = AbortSignal.any([gone, AbortSignal.timeout(limits.connectMs)]);
  const dialled = worker.dial(vmId, port, { signal });
  try {
    const connection = await unlessAborted(dialled, signal);
    connection.once("close", release);
    // Whoever uses it listens; between two users nobody does.
    connection.on("error", () => undefined);
    return connection;
  } catch (error) {
    release();
    dialled.then((late) => late.destroy()).catch(() => undefined);
    gone.throwIfAborted();
    const notRunning = hasCode(error, "vm_wrong_state");
    if (notRunning && !isLast) return undefined;
    if (notRunning) throw new ProxyError("machine_not_ready", undefined, { cause: error });
    // The link's streams are commands and files, too.
    if (hasCode(error, "out_of_capacity"))
      throw new ProxyError("too_many_connections", "of this VM", { cause: error });
    throw new ProxyError("service_unreachable", reasonOf(error, signal), { cause: error });
  }
}

function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof FastvmError && error.code === code;
}

function reasonOf(error: unknown, signal: AbortSignal): string | undefined {
  if (signal.aborted) return "the VM did not take the connection in time";
  return error instanceof FastvmError ? error.message : undefined;
}
