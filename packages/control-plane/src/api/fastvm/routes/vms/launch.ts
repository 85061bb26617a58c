/** POST /v1/vms: from a machine type or a snapshot; the repetition of an order that was lost gets the VM of the first. */
import { checkEnvVars, checkMetadata, FastvmError, normalizeName, type LaunchBody } from "@fastvm/contract";
import { LaunchRetries } from "../../launch-retries.ts";
import { answerDialect, parseGiven } from "../../firewall/validate.ts";
import type { Dialect } from "../../firewall/render.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { requireMachineType } from "../../require-machine-type.ts";
import type { LaunchOrder, VmRecord } from "../../../../engine/engine.ts";
import { vmView } from "../../views/vm-view.ts";

export function registerLaunchVm(api: FastvmScope): void {
  const retries = new LaunchRetries(api);
  api.routes.serve("launchVm", async ({ body, dialect, request, reply }, caller) => {
    const shown = answerDialect(body.firewall, dialect);
    const fingerprint = retries.fingerprint(caller, body);
    const isAbout = retries.watch(reply);
    const repeated = await retries.findRepeated(caller, fingerprint, request, isAbout);
    if (repeated !== undefined) return answer(repeated, shown);
    const order = launchOrder(body, fingerprint);
    return answer(await api.engine.vms.launch(caller, order, { onRecorded: isAbout }), shown);
  });
}

function answer(vm: VmRecord, dialect: Dialect) {
  return { status: vm.status === "running" ? 201 : 202, body: vmView(vm, dialect) };
}

function launchOrder(body: LaunchBody, repeatKey: string): LaunchOrder {
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
      network,
    },
    ttl: body.ttl ?? undefined,
    repeatKey,
  };
}
