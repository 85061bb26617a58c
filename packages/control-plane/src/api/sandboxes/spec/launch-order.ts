/** From a specification to what the engine launches. Whatever it does not carry out is in `refusals.ts`. */
import {
  checkEnvVars,
  DEFAULT_MEMORY_MIB,
  DEFAULT_VCPUS,
  hostnameOf,
  MIN_DISK_GIB,
  normalizeName,
  type MachineType,
  type MaxLife,
  type SandboxSpec,
} from "@fastvm/contract";
import { idleSettings, lifeSettings, type LaunchOrder } from "../../../engine/engine.ts";
import { hostRootOf } from "./host-root.ts";
import { interceptionOf } from "./interception.ts";
import { mountOrdersOf } from "./mounts.ts";
import { policyNetwork } from "./network.ts";
import { invalid } from "./invalid.ts";
import { refuseUnsupported } from "./refusals.ts";
import { rootSetupOf } from "./setup.ts";

/** The one image that every host has. */
const BASE_IMAGE = "base";

const MIB_PER_GIB = 1024;
/** Below it no kernel with a system boots. */
const MIN_MEMORY_MIB = 256;

/** Throws `invalid_request` with the field that is wrong, or that we do not do. */
export function launchOrderOf(spec: SandboxSpec): LaunchOrder {
  refuseUnsupported(spec);
  const labels = spec.labels ?? {};
  const envVars = envOf(spec);
  checkEnvVars(envVars, "env");
  const { lifecycle, resources, runtime } = spec;
  const ends = endsOf(lifecycle);
  const isEphemeral = lifecycle?.ephemeral ?? false;
  return {
    source: {
      kind: "machine",
      machine: machineOf(resources?.vcpus ?? DEFAULT_VCPUS, resources?.memory_mib ?? DEFAULT_MEMORY_MIB),
      image: imageOf(spec),
      setup: rootSetupOf(spec),
    },
    name: vmNameOf(spec),
    settings: {
      diskGib: diskGibOf(spec),
      metadata: labels,
      envVars,
      cwd: workdirOf(runtime?.workdir ?? undefined),
      ...ends.settings,
      ephemeral: isEphemeral,
      network: policyNetwork(spec.network),
    },
    interception: interceptionOf(spec),
    ttl: ends.ttl,
    volumes: mountOrdersOf(spec),
    repeatKey: null,
  };
}

/** `undefined`: the base image. */
export function imageOf({ image }: SandboxSpec): string | undefined {
  if (image.type !== "oci") return hostRootOf(image).name;
  return image.reference === BASE_IMAGE ? undefined : image.reference;
}

function envOf({ env = [] }: SandboxSpec): Record<string, string> {
  return Object.fromEntries(env.map(({ key, value }) => [key, value]));
}

/** A VM's name is what its guest is called; a sandbox has its own besides. */
function vmNameOf({ name, runtime }: SandboxSpec): string {
  const hostname = runtime?.hostname ?? undefined;
  if (hostname === undefined) return normalizeName(name);
  if (hostname === "" || hostnameOf(hostname, "") !== hostname)
    throw invalid("runtime.hostname", "must be a host name of lower-case letters, digits and hyphens");
  return hostname;
}

function machineOf(cpu: number, memoryMib: number): MachineType {
  if (memoryMib < MIN_MEMORY_MIB || memoryMib % 2 !== 0)
    throw invalid("resources.memory_mib", `must be even, and at least ${MIN_MEMORY_MIB}`);
  const size = memoryMib % MIB_PER_GIB === 0 ? String(memoryMib / MIB_PER_GIB) : `${memoryMib}mib`;
  return { name: `c${cpu}m${size}`, cpu, memoryMib };
}

/** One disk, which two generations of clients call differently. */
function diskGibOf({ image, resources }: SandboxSpec): number | undefined {
  const upperMib = (image.type === "oci" ? image.upper_size_mib : undefined) ?? undefined;
  const mib = resources?.disk_size_mib ?? upperMib;
  if (upperMib !== undefined && upperMib !== mib)
    throw invalid("image.upper_size_mib", "differs from resources.disk_size_mib, which is the same disk");
  return mib === undefined ? undefined : Math.max(MIN_DISK_GIB, Math.ceil(mib / MIB_PER_GIB));
}

function workdirOf(workdir: string | undefined): string | undefined {
  if (workdir === undefined) return undefined;
  if (workdir.startsWith("/") && !workdir.includes("\0")) return workdir;
  throw invalid("runtime.workdir", "must be absolute");
}

/** When it ends by itself. An ephemeral sandbox goes then; any other is stopped, and may be started again. */
function endsOf(lifecycle: SandboxSpec["lifecycle"]) {
  const idle = lifecycle?.idle_timeout_secs ?? undefined;
  const life = maxLifeOf(lifecycle);
  if (lifecycle?.ephemeral === true) {
    const ttl: LaunchOrder["ttl"] = life && { action: "delete", seconds: life.seconds };
    return { ttl, settings: idle === undefined ? {} : idleSettings({ action: "delete", seconds: idle }) };
  }
  const settings = {
    ...(idle === undefined ? {} : idleSettings({ action: "stop", seconds: idle })),
    ...(life === undefined ? {} : lifeSettings(life)),
  };
  return { ttl: undefined, settings };
}

/** Counted from each boot: who starts it again replaces it by the same. */
export function maxLifeOf(lifecycle: SandboxSpec["lifecycle"]): MaxLife | undefined {
  const seconds = lifecycle?.max_duration_secs ?? undefined;
  return seconds === undefined ? undefined : { action: "stop", seconds };
}
