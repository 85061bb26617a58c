/** The worker with real VMs is put to what every worker is put to. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { hookSteps } from "@fastvm/contract";
import type { VmId } from "@fastvm/contract";
import { describeWorker } from "@fastvm/contract/testing/worker-conformance";
import type { HungStart, WorkerLab } from "@fastvm/contract/testing/worker-conformance";
import { isErrno } from "./files/errno.ts";
import { readJournal } from "./journal/journal.ts";
import { templateSpec, TestWorker } from "./testing/test-worker.ts";

const API_PORT = 8800;
const ECHO_PORT = 8007;
const ECHO = `import socket
server = socket.create_server(("127.0.0.1", ${ECHO_PORT}))
print("ready", flush=True)
while True:
  client = server.accept()[0]
  while data := client.recv(4096): client.sendall(data)`;
/** Stops the agent, which is the parent of the command, for as long as the suite asks it in vain. */
const MUTE = "(setsid sh -c 'kill -STOP $0; sleep 8; kill -CONT $0' $PPID >/dev/null 2>&1 &)";
/** A guest that can answers within a tenth of it, on a busy host too. */
const ANSWER_MS = 2_000;

class VmLab implements WorkerLab {
  readonly apiTarget = { host: "api.example", port: API_PORT };
  readonly #host: TestWorker;

  static async open(): Promise<VmLab> {
    const forward = { port: API_PORT, accept: (connection: { destroy: () => void }) => connection.destroy() };
    return new VmLab(await TestWorker.start({ network: {} }, { forward }));
  }

  private constructor(host: TestWorker) {
    this.#host = host;
  }

  get worker(): TestWorker["worker"] {
    return this.#host.worker;
  }

  readonly mountsVolumes = true;
  spec = templateSpec;

  async echoPort(vmId: VmId): Promise<number> {
    const session = await this.worker.exec(vmId, { command: ["python3", "-c", ECHO] });
    await session[Symbol.asyncIterator]().next();
    return ECHO_PORT;
  }

  async muteGuest(vmId: VmId): Promise<AsyncDisposable> {
    const options = { signal: AbortSignal.timeout(ANSWER_MS) };
    const mute = await this.worker.exec(vmId, { command: ["sh", "-c", MUTE] }, options);
    // Its end may still come through.
    for await (const event of mute) if (event.kind === "exit") break;
    while (await this.#answers(vmId));
    return { [Symbol.asyncDispose]: async () => {} };
  }

  async #answers(vmId: VmId): Promise<boolean> {
    const options = { signal: AbortSignal.timeout(ANSWER_MS) };
    try {
      for await (const event of await this.worker.exec(vmId, { command: ["true"] }, options)) void event;
      return true;
    } catch {
      return false;
    }
  }

  async stopQemu(vmId: VmId): Promise<AsyncDisposable> {
    const pid = await this.#qemu(vmId);
    if (pid === undefined) throw new Error("the VM has no process");
    return stopped([pid]);
  }

  hangNetworkTools = async (): Promise<AsyncDisposable> => stopped(await shells());

  hangStart(vmId: VmId): HungStart {
    const hangs = Promise.withResolvers<void>();
    let process: AsyncDisposable | undefined;
    const unhook = hookSteps(async (name) => {
      if (name !== "start-guest.prepared" || process !== undefined) return;
      const pid = await this.#qemu(vmId);
      if (pid === undefined) return;
      process = stopped([pid]);
      hangs.resolve();
    });
    return {
      hangs: hangs.promise,
      [Symbol.asyncDispose]: async () => {
        unhook();
        await process?.[Symbol.asyncDispose]();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host[Symbol.asyncDispose]();
  }

  async #qemu(vmId: VmId): Promise<number | undefined> {
    return (await readJournal(join(this.#host.dataDir, "vms", vmId)))?.process?.pid;
  }
}

/** Through which the worker runs its tools. */
async function shells(): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    const stat = /^\d+$/.test(name) ? await readFile(`/proc/${name}/stat`, "utf8").catch(() => "") : "";
    const [, command, parent] = /\((.*)\) \S (\d+) /.exec(stat) ?? [];
    if (command === "sh" && Number(parent) === process.pid) found.push(Number(name));
  }
  if (found.length === 0) throw new Error("the worker has no shell");
  return found;
}

function stopped(pids: readonly number[]): AsyncDisposable {
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  return {
    [Symbol.asyncDispose]: async () => {
      for (const pid of pids) {
        try {
          process.kill(pid, "SIGCONT");
        } catch (error) {
          // The test has ended it.
          if (!isErrno(error, "ESRCH")) throw error;
        }
      }
    },
  };
}

describeWorker("the worker", () => VmLab.open());
