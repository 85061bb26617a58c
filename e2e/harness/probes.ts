/** Attempts of a guest to reach somebody, side by side: each must be answered by an echo to count. */
import type { FastvmClient, Vm } from "fastvm";
import { sh } from "./guest.ts";

export type Probe = readonly [protocol: "tcp" | "udp", address: string, port: number];

/** An emulated guest takes a second to start a dozen shells. What is dropped costs this much, once for all. */
const DEADLINE_SEC = 3;

/** Which of them were answered, in order. */
export async function reaches(
  client: FastvmClient,
  vm: Pick<Vm, "id">,
  probes: readonly Probe[],
): Promise<boolean[]> {
  const attempts = probes.map(
    ([protocol, address, port], at) => `probe ${at} ${protocol} ${address} ${port} &`,
  );
  const printed = await sh(
    client,
    vm,
    `probe() {
  timeout ${DEADLINE_SEC} bash -c "exec 3<>/dev/$2/$3/$4 && { [ $2 = tcp ] || echo ping >&3; } &&
    head -n 1 <&3 | grep -q . && echo $1" 2>/dev/null
}
${attempts.join("\n")}
wait`,
  );
  const answered = new Set(printed.split("\n"));
  return probes.map((_, at) => answered.has(String(at)));
}

/** What a name means to the guest: its addresses, none when it does not resolve. */
export async function resolves(
  client: FastvmClient,
  vm: Pick<Vm, "id">,
  name: string,
): Promise<readonly string[]> {
  const printed = await sh(client, vm, `timeout 10 getent ahosts ${name} | cut -d' ' -f1 | sort -u || true`);
  return printed === "" ? [] : printed.split("\n");
}
