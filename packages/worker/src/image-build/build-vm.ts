/**
 * A VM of nobody that looks into what strangers made, so that the host need not: restored from the base image's template, without a
 * network unless one is given, and gone when its work is done or the daemon ends.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { DEFAULT_MACHINE_TYPE, FastvmError, newVmId, parseMachineType } from "@fastvm/contract";
import type { NetworkPolicy, VmIdentity } from "@fastvm/contract";
import { killAndWait } from "../processes/proc.ts";
import { exec } from "../vm/guest/exec.ts";
import { restore } from "../vm/restore/restore.ts";
import type { RestoreContext } from "../vm/restore/restore.ts";
import type { Vm } from "../vm/state/vm.ts";
import { freeHoldings } from "../vm/state/holdings.ts";
import { templatingFolder } from "../vm/state/worker-context.ts";
import type { SlotHost } from "../pool/slot.ts";
import type { Parts } from "../vm/state/worker-context.ts";

export type BuildVmContext = RestoreContext & Parts<"admission" | "config" | "image" | "templates">;

const NOBODY: VmIdentity = { hostname: "build", envVars: {}, authorizedKeys: [] };
const NOTHING: NetworkPolicy = {
  ingress: { default: "deny", rules: [] },
  egress: { default: "deny", rules: [] },
  dns: { mode: "deny", domains: [], blockBypass: false },
};
/** Of what a command prints: the digests of some hundred layers, or the end of a failure. */
const MAX_OUTPUT_CHARS = 65_536;
/** The largest layer, under emulation. */
const COMMAND_LIMIT_MS = 20 * 60_000;

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class BuildVm implements AsyncDisposable {
  readonly vm: Vm;
  readonly #context: SlotHost;
  readonly #signal: AbortSignal;

  /** `policy`: what its commands may reach; by default nothing. */
  static async start(
    context: BuildVmContext,
    signal: AbortSignal,
    policy: NetworkPolicy = NOTHING,
  ): Promise<BuildVm> {
    const machine = parseMachineType(DEFAULT_MACHINE_TYPE);
    if (machine === undefined) throw new Error(`${DEFAULT_MACHINE_TYPE} is no machine type`);
    using _room = await context.admission.admit();
    const template = await context.templates.ensure({ image: context.image, machine });
    // Of nobody's VM nothing is kept or told: whoever works with it hears that it died, and removes it.
    const onGuestLost = (lost: Vm): void => void lost.letGo();
    const { vm } = await restore({ ...context, onGuestLost }, template, {
      vmId: newVmId(),
      life: "first",
      identity: NOBODY,
      ttl: undefined,
      policy,
      diskGib: template.manifest.diskGib,
      // What is left there when a daemon starts is ended and removed.
      folder: join(templatingFolder(context.config), randomUUID()),
      signal,
    });
    return new BuildVm(context, vm, signal);
  }

  private constructor(context: SlotHost, vm: Vm, signal: AbortSignal) {
    this.#context = context;
    this.vm = vm;
    this.#signal = signal;
  }

  /** Nothing of it runs any more; its folder is still there. */
  async end(): Promise<void> {
    const { process } = this.vm.record;
    await this.vm.letGo()?.qemu.kill();
    // Of one that was lost its monitor may have gone first.
    if (process !== undefined) await killAndWait(process);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.end();
    } finally {
      await freeHoldings(this.#context, this.vm);
    }
  }

  /** `input`: what the command reads. */
  async run(command: readonly string[], input?: Uint8Array): Promise<CommandResult> {
    const output = { stdout: "", stderr: "" };
    const spec = { command, timeoutMs: COMMAND_LIMIT_MS, ...(input === undefined ? {} : { stdin: input }) };
    for await (const event of await exec(this.vm, spec, { signal: this.#signal })) {
      if (event.kind === "exit") {
        if (event.timedOut) throw new FastvmError("image_invalid", "it takes too long to unpack");
        return { ...output, exitCode: event.exitCode };
      }
      output[event.kind] = (output[event.kind] + Buffer.from(event.data).toString()).slice(-MAX_OUTPUT_CHARS);
    }
    throw new Error("The command in the build VM has no end");
  }

  /** What a command writes, as it comes; no more than `maxBytes`. `failure` says what it is when the command fails. */
  async *output(
    command: readonly string[],
    maxBytes: number,
    failure: (stderr: string, exitCode: number) => Error,
  ): AsyncIterable<Uint8Array> {
    let [stderr, left] = ["", maxBytes];
    const spec = { command, timeoutMs: COMMAND_LIMIT_MS };
    for await (const event of await exec(this.vm, spec, { signal: this.#signal })) {
      if (event.kind === "exit") {
        if (event.timedOut) throw new FastvmError("image_invalid", "it takes too long to read");
        if (event.exitCode !== 0) throw failure(stderr, event.exitCode);
        return;
      }
      if (event.kind === "stderr") {
        stderr = (stderr + Buffer.from(event.data).toString()).slice(-MAX_OUTPUT_CHARS);
        continue;
      }
      left -= event.data.length;
      if (left < 0) throw new FastvmError("image_invalid", `it has more than ${maxBytes} bytes in it`);
      yield event.data;
    }
    throw new Error("The command in the build VM has no end");
  }

  /** As `run`, for what fails only by a fault of ours; its output. */
  async mustRun(script: string, args: readonly string[] = [], input?: Uint8Array): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(["sh", "-ec", script, "build", ...args], input);
    if (exitCode !== 0) throw new Error(`The build VM failed with ${exitCode}: ${stderr}`);
    return stdout.trim();
  }
}
