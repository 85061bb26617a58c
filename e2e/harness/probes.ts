/** Attempts of a guest to reach somebody, side by side: each must be answered by an echo to count. */
import type { FastvmClient, Vm } from "fastvm";
import { sh } from "./guest.ts";

/** Of ICMP an echo, whatever the port. */
export type Probe = readonly [protocol: "tcp" | "udp" | "icmp", address: string, port: number];

/** Of the guest, once all are sent. What is dropped costs this much, once for all. */
const DEADLINE_SEC = 3;

/**
 * Which of them were answered, in order. By one program: an emulated guest takes seconds to start a shell for each, which would be taken
 * for silence.
 */
export async function reaches(
  client: FastvmClient,
  vm: Pick<Vm, "id">,
  probes: readonly Probe[],
): Promise<boolean[]> {
  const program = `import json, select, socket, time
answered, sockets, poll = [], {}, select.poll()
for at, (protocol, address, port) in enumerate(json.loads('${JSON.stringify(probes)}')):
    family, six = (socket.AF_INET6, True) if ":" in address else (socket.AF_INET, False)
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    proto = (58 if six else 1) if protocol == "icmp" else 0
    try:
        one = socket.socket(family, kind, proto)
        one.setblocking(False)
        if one.connect_ex((address, port or 1)) in (0, 115) and protocol != "tcp":
            one.send(bytes([128 if six else 8, 0, 0, 0, 0, 0, 0, 1]) if proto else b"ping")
    except OSError: continue
    sockets[one.fileno()] = at, one
    poll.register(one, select.POLLIN)
until = time.monotonic() + ${DEADLINE_SEC}
while sockets:
    ready = poll.poll(200)
    if not ready and time.monotonic() > until: break
    for number, _ in ready:
        at, one = sockets.pop(number)
        poll.unregister(number)
        try:
            if one.recv(100): answered.append(at)
        except OSError: pass
print(json.dumps(answered))`;
  const printed = await sh(client, vm, `python3 - <<'PROBES'\n${program}\nPROBES`);
  const answered = new Set(JSON.parse(printed) as number[]);
  return probes.map((_, at) => answered.has(at));
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
