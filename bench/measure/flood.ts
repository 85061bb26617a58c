/**
 * What others notice of floods without a key: an authenticated call, a command, and a
 * guest's question for a name, each beside its idle figure of the same run.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { FastvmClient, Vm } from "fastvm";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";
import { timed } from "../statistics.ts";
import { expectSuccess } from "./exec.ts";

export const FLOODS = ["reset", "slow", "settings", "pipeline"] as const;
export const VICTIMS = ["call", "exec", "dns"] as const;
export type Load = "idle" | (typeof FLOODS)[number];
export type Victim = (typeof VICTIMS)[number];

/** A sample takes milliseconds, and the worst of few says little. */
const SAMPLES_PER_ROUND = 4;
/** Emulated code is slow until it is translated. */
const WARM_UP = 8;
/** Before that a flood is met by limits that nobody has reached yet. */
const SETTLE_MS = 2000;
const BETWEEN_MS = 10;
const FLOODER = fileURLToPath(new URL("../flood/flooder.ts", import.meta.url));

/** A name that the VM's policy forbids: our resolver answers by itself, so nobody's network is in the figure. */
const NAME = "flood.test";
const QUESTIONS = `
import socket, sys, time
server = next(line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver"))
family = socket.AF_INET6 if ":" in server else socket.AF_INET
asker = socket.socket(family, socket.SOCK_DGRAM)
asker.settimeout(30)
asker.connect((server, 53))
name = b"".join(bytes([len(label)]) + label.encode() for label in "${NAME}".split(".")) + b"\\0"
for number in range(int(sys.argv[1])):
    began = time.perf_counter()
    asker.send(number.to_bytes(2, "big") + b"\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + name + b"\\0\\1\\0\\1")
    asker.recv(512)
    print((time.perf_counter() - began) * 1000, flush=True)
    time.sleep(0.01)
`;

type FloodSamples = Readonly<Record<`${Victim}_${Load}`, readonly number[]>>;

export async function measureFlood({ client, daemon }: Session, rounds: number): Promise<FloodSamples> {
  const vm = await client.vms.launch({ machineType: MACHINE_TYPE });
  await client.vms.setFirewall(vm, { dns: { mode: "deny", domains: [NAME] } });
  await sampleAll(client, vm, WARM_UP);
  const samples: Record<string, readonly number[]> = {};
  for (const load of ["idle", ...FLOODS] as const) {
    await using _flood = load === "idle" ? undefined : await startFlood(new URL(daemon.url).port, load);
    const taken = await sampleAll(client, vm, rounds * SAMPLES_PER_ROUND);
    for (const victim of VICTIMS) samples[`${victim}_${load}`] = taken[victim];
  }
  await client.vms.delete(vm);
  return samples as FloodSamples;
}

async function startFlood(port: string, kind: string): Promise<AsyncDisposable> {
  const child = spawn(process.execPath, [FLOODER, port, kind], { stdio: ["ignore", "ignore", "inherit"] });
  await sleep(SETTLE_MS);
  if (child.exitCode !== null) throw new Error("the flood ended by itself");
  return {
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function sampleAll(client: FastvmClient, vm: Vm, count: number): Promise<Record<Victim, number[]>> {
  const call = await repeat(count, async () => await client.vms.get(vm));
  const exec = await repeat(count, async () => expectSuccess((await client.vms.run(vm, ["true"])).exitCode));
  const asked = await client.vms.run(vm, ["python3", "-c", QUESTIONS, String(count)]);
  expectSuccess(asked.exitCode);
  return { call, exec, dns: asked.stdout.trim().split("\n").map(Number) };
}

async function repeat(count: number, work: () => Promise<unknown>): Promise<number[]> {
  const samples: number[] = [];
  for (let at = 0; at < count; at += 1) {
    samples.push(await timed(work));
    await sleep(BETWEEN_MS);
  }
  return samples;
}
