/** A process whose state is in memory only: what shows that a VM kept its memory. Without the test runner, which the soak does without. */
import type { FastvmClient, Vm } from "fastvm";

/** Runs a shell command that must succeed, and returns what it printed. */
export async function sh(
  client: FastvmClient,
  vm: Pick<Vm, "id">,
  command: string,
  options: { readonly timeoutMs?: number } = {},
): Promise<string> {
  const result = await client.vms.run(vm, command, options);
  if (result.exitCode !== 0) {
    throw new Error(`"${command}" ended with ${result.exitCode}: ${result.stderr}${result.stdout}`);
  }
  return result.stdout.trim();
}

/**
 * A process that holds a random secret and a counter in memory only, and tells both over a socket in the abstract namespace: nothing of
 * it is on any disk, so only a VM that kept its memory can answer.
 */
const KEEPER = `
import os, socket, threading, time
secret = os.urandom(16).hex()
count = 0
def tick():
    global count
    while True:
        count += 1
        time.sleep(0.1)
threading.Thread(target=tick, daemon=True).start()
# In ticks since the guest's boot: with the pid it names one process of one boot.
started = open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19]
server = socket.socket(socket.AF_UNIX)
server.bind("\\0keeper")
server.listen(16)
while True:
    peer, _ = server.accept()
    peer.sendall(f"{secret} {count} {os.getpid()} {started}".encode())
    peer.close()
`;

const ASK = `python3 -c 'import socket; s=socket.socket(socket.AF_UNIX); s.connect("\\0keeper"); print(s.recv(200).decode())'`;

export interface Memory {
  readonly secret: string;
  readonly count: number;
  readonly pid: string;
  readonly startedAt: string;
}

export async function startKeeper(client: FastvmClient, vm: Pick<Vm, "id">): Promise<Memory> {
  await sh(
    client,
    vm,
    `python3 - >/dev/null 2>&1 <<'END' &\n${KEEPER}\nEND\nuntil ${ASK} >/dev/null 2>&1; do sleep 0.1; done`,
  );
  return askKeeper(client, vm);
}

export async function askKeeper(client: FastvmClient, vm: Pick<Vm, "id">): Promise<Memory> {
  const [secret = "", count = "", pid = "", startedAt = ""] = (await sh(client, vm, ASK)).split(" ");
  return { secret, count: Number(count), pid, startedAt };
}
