/** POST /v1/machines: from a template or a reusable snapshot. */
import {
  checkEnvVars,
  checkMetadata,
  DEFAULT_TIMEOUT_MS,
  FastvmError,
  MIN_DISK_GIB,
  type CreateMachineBody,
  type MachineType,
} from "@fastvm/contract";
import type { Caller, LaunchOrder } from "../../../../engine/engine.ts";
import { findReusable } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { once } from "../../once.ts";
import { networkSettings } from "../../network/network-settings.ts";
import { withTrafficToken } from "../../traffic-token.ts";
import { BASE_TEMPLATE, machineView } from "../../views/machine-view.ts";
import { ttlOf } from "../../views/lease-view.ts";
import { machinePath, WORKSPACE } from "../../machine-path.ts";
import { makeWorkTree } from "../../work-tree.ts";

const DEFAULT_MEMORY_MB = 256;
/** Of templates whose programs need more. */
const DEFAULT_MEMORY_MB_OF: ReadonlyMap<string, number> = new Map([
  ["code-interpreter", 2048],
  ["desktop", 2048],
]);
/** What a snapshot says of the machine, and nobody else. */
const SET_BY_SNAPSHOT = ["template", "vcpus", "memory_mb", "disk_mb"] as const;

export function registerCreateMachine(api: MachinesScope): void {
  const { routes, engine, clock } = api;
  routes.serve("createMachine", async ({ body, request }, caller) => {
    const answer = await once(api, caller, { operation: "createMachine", request }, async (key) => {
      const vm = await engine.vms.launch(caller, { ...(await orderOf(engine, caller, body)), key });
      if (vm.status === "running") await makeWorkTree(api, vm);
      return { status: 201, body: machineView(vm, { now: clock.now(), activity: engine.activity }) };
    });
    return withTrafficToken(api, caller, answer);
  });
}

async function orderOf(
  engine: MachinesScope["engine"],
  caller: Caller,
  body: CreateMachineBody,
): Promise<LaunchOrder> {
  checkRules(body);
  const metadata = body.metadata ?? undefined;
  const envVars = body.envs ?? undefined;
  checkMetadata(metadata ?? {});
  checkEnvVars(envVars ?? {}, "envs");
  const source = await sourceOf(engine, caller, body);
  const cwd = body.cwd ?? (source.kind === "machine" ? WORKSPACE : undefined);
  return {
    source,
    name: "",
    settings: {
      diskGib: diskGibOf(body.disk_mb ?? undefined),
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
  { snapshot_id, template, vcpus, memory_mb }: CreateMachineBody,
): Promise<LaunchOrder["source"]> {
  if (snapshot_id !== undefined && snapshot_id !== null) {
    return { kind: "snapshot", reference: (await findReusable(engine, caller, snapshot_id)).id };
  }
  const name = template ?? BASE_TEMPLATE;
  const memoryMib = memory_mb ?? DEFAULT_MEMORY_MB_OF.get(name) ?? DEFAULT_MEMORY_MB;
  const image = name === BASE_TEMPLATE ? undefined : name;
  return { kind: "machine", machine: machineOf(vcpus ?? 1, memoryMib), image };
}

/** Under the name that the other API has for it, where it has one. */
function machineOf(cpu: number, memoryMib: number): MachineType {
  const size = memoryMib % 1024 === 0 ? String(memoryMib / 1024) : `${memoryMib}mib`;
  return { name: `c${cpu}m${size}`, cpu, memoryMib };
}

function diskGibOf(diskMb: number | undefined): number | undefined {
  return diskMb === undefined ? undefined : Math.max(MIN_DISK_GIB, Math.ceil(diskMb / 1024));
}

function invalid(field: string, rule: string): FastvmError {
  return new FastvmError("invalid_request", `${field} ${rule}`, { field });
}
