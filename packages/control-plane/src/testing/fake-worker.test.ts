/** The fake worker is put to what a worker with VMs is put to; and so is a worker in another process, of which the fake is the far end. */
import { newVmId, parseMachineType, type ExecEvent, type ExecSpec, type VmId } from "@fastvm/contract";
import { RemoteWorker } from "@fastvm/contract/testing/remote-worker";
import { describeBuilds, type BuildsLab } from "@fastvm/contract/testing/builds-conformance";
import { describeWorker, type HungStart, type WorkerLab } from "@fastvm/contract/testing/worker-conformance";
import { builtImage } from "./fake-builds.ts";
import { FakeWorker } from "./fake-worker.ts";
import { eventually } from "./eventually.ts";
import { aborted } from "./fake-session.ts";

const ECHO_PORT = 7;

/** What it asks of a guest, and what waits for its QEMU. */
const GUEST = [
  ...["exec", "dial", "setAuthorizedKeys", "mapToLoopback", "fileInfo", "listFiles", "makeFolder"],
  ...["removeFile", "renameFile", "setFileMode", "readFile", "writeFile", "watchFiles"],
  ...["execs.start", "execs.list", "execs.get", "execs.attach"],
  ...["execs.writeStdin", "execs.signal", "execs.resize", "execs.remove"],
] as const satisfies readonly string[] as readonly Parameters<FakeWorker["hold"]>[0][];
const QEMU = ["pause", "createSnapshot", "fork", "setNetworkPolicy", "setAuthorizedKeys", "exec"] as const;

class FakeLab implements WorkerLab {
  readonly fake = new FakeWorker();
  readonly mountsVolumes = true;
  readonly apiTarget = { host: "api.example", port: 8800 };

  constructor() {
    this.fake.command = (spec) => this.#run(spec);
    this.fake.echoPorts.add(ECHO_PORT);
  }

  get worker(): WorkerLab["worker"] {
    return this.fake;
  }

  spec() {
    const machine = parseMachineType("c1m2");
    if (machine === undefined) throw new Error("c1m2 is no machine type");
    return {
      vmId: newVmId(),
      source: { kind: "template" },
      machine,
      diskGib: 10,
      identity: { hostname: "probe", envVars: {}, authorizedKeys: [] },
      network: {
        ingress: { default: "deny", rules: [] },
        egress: { default: "deny", rules: [] },
        dns: { mode: "allow", domains: [], blockBypass: false },
      },
    } as const;
  }

  async echoPort(): Promise<number> {
    return ECHO_PORT;
  }

  async muteGuest(): Promise<AsyncDisposable> {
    return this.#hold(GUEST);
  }

  async stopQemu(): Promise<AsyncDisposable> {
    return this.#hold(QEMU);
  }

  hangNetworkTools = async (): Promise<AsyncDisposable> => this.#hold(["setNetworkPolicy"]);

  hangStart(vmId: VmId): HungStart {
    const release = this.fake.hangStart(vmId);
    const begun = this.fake.calls.length;
    const hangs = eventually(() => {
      if (this.fake.calls.length === begun) throw new Error("nothing was begun");
    });
    return { hangs: hangs.then(() => undefined), [Symbol.asyncDispose]: async () => release() };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #hold(methods: readonly Parameters<FakeWorker["hold"]>[0][]): AsyncDisposable {
    const releases = methods.map((method) => this.fake.hold(method));
    return {
      [Symbol.asyncDispose]: async () => {
        for (const release of releases) release();
      },
    };
  }

  /** The three programs that the suite runs. */
  async *#run({ command: [program, ...args] }: ExecSpec): AsyncGenerator<ExecEvent> {
    const text = program === "cat" ? this.#file(args[0] ?? "") : args[1];
    if (program === "sleep") await new Promise(() => undefined);
    if (text !== undefined) yield { kind: "stdout", data: Buffer.from(text) };
    yield { kind: "exit", exitCode: text === undefined ? 1 : 0, timedOut: false, durationMs: 1 };
  }

  #file(path: string): string | undefined {
    for (const [name, content] of this.fake.files) if (name.endsWith(`:${path}`)) return content.toString();
    return undefined;
  }
}

class RemoteLab extends FakeLab {
  readonly #remote = new RemoteWorker(this.fake);

  override get worker(): WorkerLab["worker"] {
    return this.#remote;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#remote[Symbol.asyncDispose]();
  }
}

describeWorker("the fake worker", async () => new FakeLab());
describeWorker("a worker behind a wire", async () => new RemoteLab());

/** Runs what the suite's Dockerfiles say. */
function buildsLab(lab: FakeLab): BuildsLab {
  lab.fake.builds.dockerfile = async ({ dockerfile }, log, signal) => {
    const text = "text" in dockerfile ? dockerfile.text : "";
    if (text === "endless") await aborted(signal);
    if (text === "good") return builtImage("localhost/good:latest");
    log("what is wrong");
    return { status: "failed", fault: "order", error: "what is wrong" };
  };
  return {
    builds: lab.worker.builds,
    dockerfiles: { good: "good", failing: "failing", endless: "endless" },
    [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
  };
}

describeBuilds("the fake worker", async () => buildsLab(new FakeLab()));
describeBuilds("a worker behind a wire", async () => buildsLab(new RemoteLab()));
