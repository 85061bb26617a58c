/** POST /v1/vms: from a machine type or a snapshot; the repetition of an order that was lost gets the VM of the first. */
import { checkEnvVars, checkMetadata, FastvmError, normalizeName, type LaunchBody } from "@fastvm/contract";
import { LaunchRetries } from "../../launch-retries.ts";
import { answerDialect, parseGiven } from "../../firewall/validate.ts";
import type { Dialect } from "../../firewall/render.ts";
import { parseInterception } from "../../interception/parse.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { requireMachineType } from "../../require-machine-type.ts";
import { bucketOrder } from "../../bucket-order.ts";
import { mountOrder } from "../../mount-order.ts";
import { idleSettings, lifeSettings } from "../../../../engine/engine.ts";
import type { LaunchOrder, SkippedMount, VmRecord } from "../../../../engine/engine.ts";
import { vmView } from "../../views/vm-view.ts";
import { attachmentWarnings } from "../../views/volume-view.ts";

export function registerLaunchVm(api: FastvmScope): void {
  const retries = new LaunchRetries(api);
  api.routes.serve("launchVm", async ({ body, dialect, request, reply }, caller) => {
    const shown = answerDialect(body.firewall, dialect);
    const fingerprint = retries.fingerprint(caller, body);
    const isAbout = retries.watch(reply);
    const repeated = await retries.findRepeated(caller, fingerprint, request, isAbout);
    if (repeated !== undefined) return answer(repeated, body, shown);
    const order = launchOrder(body, fingerprint, api.clock.now());
    let skipped: readonly SkippedMount[] = [];
    const onSkipped = (found: readonly SkippedMount[]) => void (skipped = found);
    const launched = await api.engine.vms.launch(caller, order, { onRecorded: isAbout, onSkipped });
    return answer(launched, body, shown, skipped);
  });
}

function answer(vm: VmRecord, order: LaunchBody, dialect: Dialect, skipped: readonly SkippedMount[] = []) {
  const hasSnapshots = order.snapshotId !== undefined && order.bucketMounts === undefined;
  const warnings = attachmentWarnings(vm, skipped, hasSnapshots);
  const body = { ...vmView(vm, dialect), ...(warnings && { attachmentWarnings: warnings }) };
  return { status: vm.status === "running" ? 201 : 202, body };
}

/** A VM that starts by itself is one whose disk counts. */
function durabilityFor(policy: LaunchBody["restartPolicy"]): "strict" | undefined {
  return (policy ?? "never") === "never" ? undefined : "strict";
}

/** What is left out is as the snapshot has it. */
function policySettings({ maxLife, idle }: LaunchBody): LaunchOrder["settings"] {
  return {
    ...(maxLife === undefined || maxLife === null ? {} : lifeSettings(maxLife)),
    ...(idle === undefined || idle === null ? {} : idleSettings(idle)),
  };
}

function launchOrder(body: LaunchBody, repeatKey: string, now: number): LaunchOrder {
  const snapshotId = body.snapshotId ?? undefined;
  const machineType = body.machineType ?? undefined;
  if ((snapshotId === undefined) === (machineType === undefined)) {
    throw new FastvmError("invalid_request", "give exactly one of machineType and snapshotId", {
      field: snapshotId === undefined ? "machineType" : "snapshotId",
    });
  }
  const image = body.image ?? undefined;
  if (image !== undefined && snapshotId !== undefined) {
    throw new FastvmError("invalid_request", "a snapshot has its image in it", { field: "image" });
  }
  checkMetadata(body.metadata ?? {});
  checkEnvVars(body.envVars ?? {});
  const network = parseGiven(body.firewall);
  return {
    source:
      snapshotId === undefined
        ? { kind: "machine", machine: requireMachineType(machineType ?? ""), image }
        : { kind: "snapshot", reference: snapshotId },
    name: normalizeName(body.name ?? ""),
    settings: {
      diskGib: body.diskGiB ?? undefined,
      metadata: body.metadata ?? undefined,
      envVars: body.envVars ?? undefined,
      autoResume: body.autoResume ?? undefined,
      durability: body.durability ?? durabilityFor(body.restartPolicy),
      restartPolicy: body.restartPolicy ?? undefined,
      network,
      ...policySettings(body),
    },
    interception: parseInterception(body),
    ttl: body.ttl ?? undefined,
    volumes: body.volumes?.map(mountOrder),
    buckets: body.bucketMounts?.map((bucket) => bucketOrder(bucket, now)),
    repeatKey,
  };
}
