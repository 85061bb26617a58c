/**
 * How cost grows with the VMs that run already: a launch from the pool, a command, the daemon's memory, and how long a daemon that was
 * killed is away. Each beside its floor on the same full host, so that what the host itself becomes slower by meets both.
 */
import type { Vm } from "fastvm";
import { TestDaemon } from "../../e2e/harness/daemon.ts";
import { floorRestore } from "../floor/restore.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";
import { timed } from "../statistics.ts";
import { expectSuccess } from "./exec.ts";
import { launchFromPool } from "./launch.ts";
import { residentMib } from "./memory.ts";

/** With so many other VMs running a launch and a command are measured; adoption where there are some. */
export const GROWTH_VMS = [0, 30, 90] as const;
export type GrowthVms = (typeof GROWTH_VMS)[number];
export const ADOPTED_VMS = [30, 60, 90] as const;
export type AdoptedVms = (typeof ADOPTED_VMS)[number];

const STAGES = [0, 30, 60, 90] as const;
const POOL_SIZE = 2;
const COMMAND = ["true"];
const COMMANDS_PER_ROUND = 6;
/** More at once take the processors from each other. */
const LAUNCHED_AT_ONCE = 3;

interface LoadedHost {
  readonly launchMs: readonly number[];
  readonly floorRestoreMs: readonly number[];
  readonly execMs: readonly number[];
  readonly floorExecMs: readonly number[];
}

interface Adoption {
  /** From the daemon's start until a command that was sent to each VM has ended, divided by how many these are. */
  readonly msPerVm: number;
  /** Afterwards. */
  readonly daemonRssMib: number;
}

interface GrowthSamples {
  readonly hosts: ReadonlyMap<GrowthVms, LoadedHost>;
  readonly adoptions: ReadonlyMap<AdoptedVms, Adoption>;
}

export async function measureGrowth(
  session: Session,
  rounds: number,
  progress: (text: string) => void,
): Promise<GrowthSamples> {
  await using daemon = await TestDaemon.start({ poolSize: POOL_SIZE });
  const hosts = new Map<GrowthVms, LoadedHost>();
  const adoptions = new Map<AdoptedVms, Adoption>();
  const vms: Vm[] = [];
  // The first round warms every cache and does not count.
  await onHost(session, daemon, 1);
  for (const count of STAGES) {
    progress(`measuring growth: ${count} VMs`);
    while (vms.length < count) vms.push(...(await launchSome(daemon)));
    if (isOneOf(GROWTH_VMS, count)) hosts.set(count, await onHost(session, daemon, rounds));
    if (isOneOf(ADOPTED_VMS, count)) adoptions.set(count, await adopt(daemon, vms));
  }
  return { hosts, adoptions };
}

async function launchSome({ client }: TestDaemon): Promise<readonly Vm[]> {
  const launch = (): Promise<Vm> => client.vms.launch({ machineType: MACHINE_TYPE });
  return await Promise.all(Array.from({ length: LAUNCHED_AT_ONCE }, launch));
}

async function onHost({ floor }: Session, daemon: TestDaemon, rounds: number): Promise<LoadedHost> {
  const { client } = daemon;
  const launchMs: number[] = [];
  const floorRestoreMs: number[] = [];
  const execMs: number[] = [];
  const floorExecMs: number[] = [];
  await using bare = await floorRestore(floor);
  const vm = await client.vms.launch({ machineType: MACHINE_TYPE });
  for (let round = 0; round < rounds; round++) {
    {
      await using restored = await floorRestore(floor);
      floorRestoreMs.push(restored.restoreMs);
    }
    launchMs.push(await launchFromPool(daemon, client));
    for (let at = 0; at < COMMANDS_PER_ROUND; at++) {
      floorExecMs.push(await timed(async () => expectSuccess(await bare.agent.exec(COMMAND))));
    }
    for (let at = 0; at < COMMANDS_PER_ROUND; at++) {
      execMs.push(await timed(async () => expectSuccess((await client.vms.run(vm, COMMAND)).exitCode)));
    }
  }
  await client.vms.delete(vm);
  return { launchMs, floorRestoreMs, execMs, floorExecMs };
}

async function adopt(daemon: TestDaemon, vms: readonly Vm[]): Promise<Adoption> {
  await daemon.sigkill();
  const adoptedMs = await timed(async () => {
    await daemon.restart();
    const { client } = daemon;
    const answer = async (vm: Vm): Promise<void> =>
      expectSuccess((await client.vms.run(vm, COMMAND)).exitCode);
    await Promise.all(vms.map(answer));
  });
  return { msPerVm: adoptedMs / vms.length, daemonRssMib: await residentMib(await daemon.pid()) };
}

function isOneOf<T extends number>(numbers: readonly T[], value: number): value is T {
  return numbers.some((each) => each === value);
}
