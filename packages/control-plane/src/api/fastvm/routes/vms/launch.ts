import {
  checkEnvVars,
  checkMetadata,
  FastvmError,
  MIN_DISK_GIB,
  normalizeName,
  parseMachineType,
  STANDARD_MACHINE_TYPES,
  type LaunchBody,
  type MachineType,
} from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import { LaunchRetries } from "../../launch-retries.ts";
import { answerDialect, parseFirewall } from "../../firewall/validate.ts";
import type { Dialect } from "../../firewall/render.ts";
import type { Caller } from "../../../../engine/caller.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { launchVm, machineOf, type LaunchRequest } from "../../../../engine/vms/launch.ts";
import type { SnapshotRecord } from "../../../../store/snapshot-repository.ts";
import type { VmRecord } from "../../../../store/vm-repository.ts";
import { vmView } from "../../views/vm-view.ts";
import { findSnapshot } from "../../../../engine/find.ts";

export function registerLaunchVm(app: FastifyInstance, ctx: LifecycleContext): void {
  const retries = new LaunchRetries(ctx);
  serve(app, ctx.store, "launchVm", async ({ body, dialect, request, reply }, caller) => {
    const shown = answerDialect(body.firewall, dialect);
    const fingerprint = retries.fingerprint(caller, body);
    const isAbout = retries.watch(reply);
    const repeated = await retries.findRepeated(caller, fingerprint, request, isAbout);
    if (repeated !== undefined) return answer(repeated, shown);
    const launch = await launchRequest(ctx, caller, body, fingerprint);
    return answer(await launchVm(ctx, caller, launch, isAbout), shown);
  });
}

function answer(vm: VmRecord, dialect: Dialect) {
  return { status: vm.status === "running" ? 201 : 202, body: vmView(vm, dialect) };
}

async function launchRequest(
  ctx: LifecycleContext,
  caller: Caller,
  body: LaunchBody,
  requestFingerprint: string,
): Promise<LaunchRequest> {
  const snapshotId = body.snapshotId ?? undefined;
  const machineType = body.machineType ?? undefined;
  if ((snapshotId === undefined) === (machineType === undefined)) {
    throw new FastvmError("invalid_request", "give exactly one of machineType and snapshotId", {
      field: snapshotId === undefined ? "machineType" : "snapshotId",
    });
  }
  checkMetadata(body.metadata ?? {});
  checkEnvVars(body.envVars ?? {});
  const given = body.firewall ?? undefined;
  const ownNetwork = given === undefined ? undefined : parseFirewall(given, "firewall");
  const snapshot = snapshotId === undefined ? undefined : await readySnapshot(ctx, caller, snapshotId);
  return {
    machine: snapshot === undefined ? requireMachineType(machineType ?? "") : machineOf(snapshot),
    diskGib: diskOf(body, snapshot),
    snapshot,
    name: normalizeName(body.name ?? ""),
    metadata: body.metadata ?? snapshot?.metadata ?? {},
    envVars: body.envVars ?? snapshot?.envVars ?? {},
    ttl: body.ttl ?? undefined,
    autoResume: body.autoResume ?? snapshot?.autoResume === 1,
    network: ownNetwork ?? snapshot?.network,
    requestFingerprint,
  };
}

function requireMachineType(name: string): MachineType {
  const machine = parseMachineType(name);
  if (machine !== undefined) return machine;
  const accepted = `accepted is c{vCPUs}m{GiB of memory}, for example ${STANDARD_MACHINE_TYPES.join(", ")}`;
  const quoted = JSON.stringify(name.slice(0, 40));
  throw new FastvmError("invalid_request", `machineType ${quoted} is not a machine type; ${accepted}`, {
    field: "machineType",
  });
}

async function readySnapshot(
  ctx: LifecycleContext,
  caller: Caller,
  reference: string,
): Promise<SnapshotRecord> {
  const snapshot = await findSnapshot(ctx, caller, reference);
  if (snapshot.status === "ready") return snapshot;
  const reason = snapshot.statusReason === null ? "" : ` (${snapshot.statusReason})`;
  throw new FastvmError("snapshot_wrong_state", `it is ${snapshot.status}${reason}`, { field: "snapshotId" });
}

function diskOf(body: LaunchBody, snapshot: SnapshotRecord | undefined): number {
  const least = snapshot?.diskGib ?? MIN_DISK_GIB;
  const diskGib = body.diskGiB ?? least;
  if (diskGib >= least) return diskGib;
  throw new FastvmError(
    "invalid_request",
    `diskGiB is ${diskGib}, the snapshot's disk has ${least} GiB; a disk can only grow`,
    {
      field: "diskGiB",
    },
  );
}
