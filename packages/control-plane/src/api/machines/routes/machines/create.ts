/** POST /v1/machines: from a template or a reusable snapshot. */
import {
  checkEnvVars,
  checkMetadata,
  DEFAULT_TIMEOUT_MS,
  FastvmError,
  VOLUME_ATTACHMENTS,
  type CreateMachineBody,
} from "@fastvm/contract";
import type { Caller, LaunchOrder } from "../../../../engine/engine.ts";
import { findReusable } from "../../ids.ts";
import { imageOf } from "../../machine-shape.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { once } from "../../once.ts";
import { mountOrders } from "../../volumes/mount-orders.ts";
import { networkSettings } from "../../network/network-settings.ts";
import { shapeOf } from "../../templates/template-shape.ts";
import { withTrafficToken } from "../../traffic-token.ts";
import { BASE_TEMPLATE, machineView } from "../../views/machine-view.ts";
import { ttlOf } from "../../views/lease-view.ts";
import { machinePath, WORKSPACE } from "../../machine-path.ts";
import { makeWorkTree } from "../../work-tree.ts";
import { launchBy, wayTo } from "./from-pool.ts";

/** What a snapshot says of the machine, and nobody else. */
const SET_BY_SNAPSHOT = ["template", "vcpus", "memory_mb", "disk_mb"] as const;

export function registerCreateMachine(api: MachinesScope): void {
  const { routes, engine, clock } = api;
  routes.serve("createMachine", async ({ body, request }, caller) => {
    const answer = await once(api, caller, { operation: "createMachine", request }, async (key) => {
      const way = await wayTo(engine, caller, body);
      const order = { ...(await orderOf(api, caller, way.body)), key };
      const { vm, checkout } = await launchBy(engine, caller, way, order);
      if (vm.status === "running") await makeWorkTree(api, vm);
      const view = machineView(vm, { now: clock.now(), activity: engine.activity });
      return { status: 201, body: { ...view, ...(checkout && { warm_pool_checkout: checkout }) } };
    });
    return withTrafficToken(api, caller, answer);
  });
}

async function orderOf(api: MachinesScope, caller: Caller, body: CreateMachineBody): Promise<LaunchOrder> {
  checkRules(body);
  const metadata = body.metadata ?? undefined;
  const envVars = body.envs ?? undefined;
  checkMetadata(metadata ?? {});
  if (Object.hasOwn(metadata ?? {}, VOLUME_ATTACHMENTS)) {
    throw invalid("metadata", `may not have ${VOLUME_ATTACHMENTS}, which is what a machine has of volumes`);
  }
  checkEnvVars(envVars ?? {}, "envs");
  const { source, diskGib } = await sourceOf(api.engine, caller, body);
  const volumes = body.volumes == null ? undefined : await mountOrders(api, caller, body.volumes);
  const cwd = body.cwd ?? (source.kind === "machine" ? WORKSPACE : undefined);
  return {
    source,
    volumes,
    name: "",
    settings: {
      diskGib,
      metadata: metadata ?? {},
      envVars,
      cwd: cwd === undefined ? undefined : machinePath(cwd, "cwd"),
      // Said in any case: what a snapshot's machine was allowed is not what this one is.
      autoResume: body.auto_resume ?? false,
      inactivityMs: body.inactivity_timeout_ms ?? 0,
      autoDeleteMs: body.auto_delete_after_ms ?? 0,
      ephemeral: body.ephemeral ?? false,
      ...networkSettings(body),
    },
    ttl: ttlOf(body.timeout_ms ?? DEFAULT_TIMEOUT_MS, body.timeout_action ?? "destroy"),
    repeatKey: null,
  };
}

function checkRules({ timeout_action, auto_resume, ephemeral, ...rest }: CreateMachineBody): void {
  const pauses = timeout_action === "hibernate";
  if (auto_resume === true && !pauses) {
    throw invalid(
      "auto_resume",
      "needs the timeout_action hibernate: of a machine that is destroyed nothing is left",
    );
  }
  if (ephemeral === true && pauses) {
    throw invalid(
      "ephemeral",
      "goes with the timeout_action destroy: an ephemeral machine is not hibernated",
    );
  }
  if ((rest.snapshot_id ?? undefined) === undefined) return;
  for (const name of SET_BY_SNAPSHOT) {
    if ((rest[name] ?? undefined) !== undefined)
      throw invalid(name, "is the snapshot's, where there is snapshot_id");
  }
}

async function sourceOf(
  engine: MachinesScope["engine"],
  caller: Caller,
  { snapshot_id, template, ...sizes }: CreateMachineBody,
): Promise<{ readonly source: LaunchOrder["source"]; readonly diskGib: number | undefined }> {
  if (snapshot_id !== undefined && snapshot_id !== null) {
    const { id } = await findReusable(engine, caller, snapshot_id);
    return { source: { kind: "snapshot", reference: id }, diskGib: undefined };
  }
  const name = template ?? BASE_TEMPLATE;
  const { machine, diskGib } = await shapeOf(engine, caller, name, sizes);
  return { source: { kind: "machine", machine, image: imageOf(name) }, diskGib };
}

function invalid(field: string, rule: string): FastvmError {
  return new FastvmError("invalid_request", `${field} ${rule}`, { field });
}
