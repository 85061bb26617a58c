/** For the conformance suite: a worker, what can be done to it behind its back, and short ways to say what is done with it. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, vi } from "vitest";
import type { VmId } from "../../model/ids.ts";
import type { NetworkPolicy } from "../../model/network-policy.ts";
import type { BackgroundExecs } from "../background-execs.ts";
import type { CallOptions } from "../call-options.ts";
import type { FileAccess } from "../file-access.ts";
import type { GuestAccess, GuestTarget } from "../guest-access.ts";
import type { ForkChild, VmSpec } from "../vm-transitions.ts";
import type { WorkerPort } from "../worker-port.ts";

/** What is done to its worker lasts until it is disposed of. */
export interface WorkerLab extends AsyncDisposable {
  readonly worker: WorkerPort;
  /** Of a VM from the template. */
  spec(): VmSpec;
  /** A port of the guest's loopback that gives back what it gets. */
  echoPort(vmId: VmId): Promise<number>;
  /** Whether VMs mount volumes. */
  readonly mountsVolumes: boolean;
  /** A host by which the API could be called. */
  readonly apiTarget: GuestTarget;
  /** The guest answers nothing; its QEMU does. Of a guest that cannot be made to answer again, it does so by itself some seconds later. */
  muteGuest(vmId: VmId): Promise<AsyncDisposable>;
  /** As by SIGSTOP. */
  stopQemu(vmId: VmId): Promise<AsyncDisposable>;
  /** The host's tools for networks hang. Absent where VMs have no network. */
  hangNetworkTools?: () => Promise<AsyncDisposable>;
  /** The next start of the VM gets nowhere. */
  hangStart(vmId: VmId): HungStart;
}

export interface HungStart extends AsyncDisposable {
  /** Resolves when it does. */
  readonly hangs: Promise<void>;
}

/** Once a silent guest can answer again, the link to it may have to be opened anew. */
const ANSWER_MS = 60_000;
const POLL_MS = 100;
/** Of one attempt. */
const IMPATIENT_MS = 1_000;
/** Whatever has not ended by then waits for something: nothing in these tests makes it end by itself. */
const PENDING_MS = 100;

export const CLOSED: NetworkPolicy = {
  ingress: { default: "deny", rules: [] },
  egress: { default: "deny", rules: [] },
  dns: { mode: "allow", domains: [], blockBypass: false },
};
export const OPEN: NetworkPolicy = { ...CLOSED, egress: { default: "allow", rules: [] } };
export const ONE_RULE: NetworkPolicy = {
  ...CLOSED,
  egress: {
    default: "deny",
    rules: [{ action: "allow", kind: "cidr", value: "192.0.2.0/24", protocol: "any", ports: "any" }],
  },
};

const TRUE = { command: ["printf", "%s", "x"] } as const;

type GuestMethod = Exclude<keyof GuestAccess, "execs"> | `execs.${keyof BackgroundExecs}`;

export class PortTester {
  readonly lab: WorkerLab;
  readonly worker: WorkerPort;
  /** Whatever asks the guest for something. */
  readonly asks: Readonly<Record<GuestMethod, (vmId: VmId, options?: CallOptions) => Promise<unknown>>>;

  constructor(lab: WorkerLab) {
    const { worker, apiTarget } = lab;
    this.lab = lab;
    this.worker = worker;
    this.asks = {
      exec: (vmId, options) => this.output(vmId, ["printf", "%s", "x"], options),
      ...asksOfFiles(worker),
      dial: (vmId, options) => worker.dial(vmId, 22, options),
      setAuthorizedKeys: (vmId, options) => worker.setAuthorizedKeys(vmId, [], options),
      mapToLoopback: (vmId, options) => worker.mapToLoopback(vmId, apiTarget, options),
      "execs.start": (vmId, options) => worker.execs.start(vmId, randomUUID(), TRUE, options),
      "execs.list": (vmId, options) => worker.execs.list(vmId, options),
      "execs.get": (vmId, options) => worker.execs.get(vmId, "asked", options),
      "execs.attach": (vmId, options) =>
        worker.execs.attach(vmId, "asked", { offset: 0, follow: true }, options),
      "execs.writeStdin": (vmId, options) =>
        worker.execs.writeStdin(vmId, "asked", { data: Buffer.from("x"), closes: true }, options),
      "execs.signal": (vmId, options) => worker.execs.signal(vmId, "asked", 15, options),
      "execs.resize": (vmId, options) => worker.execs.resize(vmId, "asked", { cols: 80, rows: 24 }, options),
      "execs.remove": (vmId, options) => worker.execs.remove(vmId, "asked", options),
    };
  }

  async launched(): Promise<VmId> {
    const spec = this.lab.spec();
    await this.worker.launch(spec);
    return spec.vmId;
  }

  async found(vmId: VmId) {
    return (await this.worker.inventory()).vms.find((vm) => vm.vmId === vmId);
  }

  /** What a command prints; it must succeed. */
  async output(
    vmId: VmId,
    command: readonly string[],
    options?: CallOptions,
    timeoutMs?: number,
  ): Promise<string> {
    let text = "";
    const spec = { command, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    for await (const event of await this.worker.exec(vmId, spec, options)) {
      if (event.kind === "stdout") text += Buffer.from(event.data).toString();
      if (event.kind === "exit") expect(event).toMatchObject({ exitCode: 0, timedOut: false });
    }
    return text;
  }

  async answers(vmId: VmId): Promise<void> {
    await eventually(async () => {
      const options = { signal: AbortSignal.timeout(IMPATIENT_MS) };
      expect(await this.output(vmId, ["printf", "%s", "here"], options)).toBe("here");
    });
  }

  child(): ForkChild {
    const { vmId, identity, network } = this.lab.spec();
    return { vmId, identity, network };
  }
}

function asksOfFiles(worker: WorkerPort): Omit<PortTester["asks"], Exclude<GuestMethod, keyof FileAccess>> {
  return {
    fileInfo: (vmId, options) => worker.fileInfo(vmId, "/root", options),
    listFiles: (vmId, options) => worker.listFiles(vmId, "/root", { limit: 1, ...options }),
    makeFolder: (vmId, options) => worker.makeFolder(vmId, "/root/asked-folder", options),
    removeFile: (vmId, options) => worker.removeFile(vmId, "/root/asked-folder", options),
    renameFile: (vmId, options) => worker.renameFile(vmId, "/root/asked", "/root/renamed", options),
    setFileMode: (vmId, options) => worker.setFileMode(vmId, "/root", 0o700, options),
    readFile: (vmId, options) => worker.readFile(vmId, "/root/renamed", options),
    writeFile: (vmId, options) => worker.writeFile(vmId, "/root/asked", chunks("x"), options),
    watchFiles: (vmId, options) => worker.watchFiles(vmId, "/root", options),
  };
}

/** A caller who has enough when he says so. */
export function caller(): {
  readonly reason: Error;
  readonly signal: AbortSignal;
  readonly leave: () => void;
} {
  const [controller, reason] = [new AbortController(), new Error("enough")];
  return { reason, signal: controller.signal, leave: () => controller.abort(reason) };
}

export function eventually<T>(attempt: () => Promise<T>, timeoutMs = ANSWER_MS): Promise<T> {
  return vi.waitFor(attempt, { timeout: timeoutMs, interval: POLL_MS });
}

export async function expectPending(work: Promise<unknown>): Promise<void> {
  const settled = work.then(
    (value) => `resolved to ${JSON.stringify(value)}`,
    (error: unknown) => `rejected with ${String(error)}`,
  );
  expect(await Promise.race([settled, sleep(PENDING_MS, "pending")])).toBe("pending");
}

export async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}
