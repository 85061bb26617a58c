/** Commands in the background of VMs that run: each is a job of the guest's agent, so nothing of it is remembered here. */
import { FastvmError } from "@fastvm/contract";
import type {
  AttachEvent,
  BackgroundExecs,
  BackgroundSpec,
  CallOptions,
  ExecInput,
  ExecState,
  OutputFrom,
  TerminalSize,
  VmId,
} from "@fastvm/contract";
import { execRequest } from "../../exec/start-exec.ts";
import { GuestError } from "../../guest-link/guest-error.ts";
import type { GuestLink } from "../../guest-link/guest-link.ts";
import { jobRequests, jobStates } from "../../guest-link/job-requests.ts";
import type { JobView } from "../../guest-link/job-stream.ts";
import type { Vm } from "../state/vm.ts";
import { settingOf } from "./command-setting.ts";

export class GuestExecs implements BackgroundExecs {
  readonly #require: (vmId: VmId) => Vm;

  /** `require` throws `not_found`. */
  constructor(require: (vmId: VmId) => Vm) {
    this.#require = require;
  }

  async start(vmId: VmId, execId: string, spec: BackgroundSpec, options: CallOptions = {}): Promise<void> {
    const request = execRequest(spec, settingOf(this.#require(vmId).record));
    const { timeoutMs, keepBytes } = spec;
    await this.#ask(vmId, options, (link) =>
      link.askJobs(jobRequests.start(execId, { ...request, timeoutMs, keepBytes }), options),
    );
  }

  async list(vmId: VmId, options: CallOptions = {}): Promise<readonly ExecState[]> {
    return jobStates(await this.#ask(vmId, options, (link) => link.askJobs(jobRequests.list(), options)));
  }

  async get(vmId: VmId, execId: string, options: CallOptions = {}): Promise<ExecState> {
    const request = jobRequests.list(execId);
    const [state] = jobStates(await this.#ask(vmId, options, (link) => link.askJobs(request, options)));
    if (state === undefined) throw noSuchExec();
    return state;
  }

  async attach(
    vmId: VmId,
    execId: string,
    { offset, follow }: OutputFrom,
    options: CallOptions = {},
  ): Promise<AsyncIterable<AttachEvent>> {
    const request = jobRequests.attach(execId, offset, follow);
    try {
      return outputOf(await this.#ask(vmId, options, (link) => link.attachJob(request, options)));
    } catch (error) {
      throw asReaderError(error);
    }
  }

  async writeStdin(vmId: VmId, execId: string, input: ExecInput, options: CallOptions = {}): Promise<void> {
    const request = jobRequests.input(execId, input.closes);
    await this.#ask(vmId, options, (link) => link.askJobs(request, { ...options, input: input.data }));
  }

  async signal(vmId: VmId, execId: string, signal: number, options: CallOptions = {}): Promise<boolean> {
    const request = jobRequests.signal(execId, signal);
    try {
      await this.#ask(vmId, options, (link) => link.askJobs(request, options));
      return true;
    } catch (error) {
      if (error instanceof FastvmError && isOf(error.cause, "ESRCH")) return false;
      throw error;
    }
  }

  async resize(vmId: VmId, execId: string, size: TerminalSize, options: CallOptions = {}): Promise<void> {
    const request = jobRequests.resize(execId, size.rows, size.cols);
    await this.#ask(vmId, options, (link) => link.askJobs(request, options));
  }

  async remove(vmId: VmId, execId: string, options: CallOptions = {}): Promise<void> {
    await this.#ask(vmId, options, (link) => link.askJobs(jobRequests.remove(execId), options));
  }

  async #ask<T>(vmId: VmId, options: CallOptions, ask: (link: GuestLink) => Promise<T>): Promise<T> {
    const link = await this.#require(vmId).link({ signal: options.signal });
    try {
      return await ask(link);
    } catch (error) {
      throw asPortError(error);
    }
  }
}

/** Leaving the iteration leaves the command alone. */
async function* outputOf(view: JobView): AsyncGenerator<AttachEvent, void, undefined> {
  try {
    for (let event = await view.read(); event !== undefined; event = await view.read()) yield event;
  } catch (error) {
    throw asReaderError(asPortError(error));
  } finally {
    view.reset(new FastvmError("conflict", "the command's output was read no further"));
  }
}

function noSuchExec(cause?: unknown): FastvmError {
  return new FastvmError("not_found", "the VM has no command of this id", { cause });
}

/** The command was removed under its reader, be it before the first byte or later. */
function asReaderError(error: unknown): unknown {
  return error instanceof FastvmError && isOf(error.cause, "ESRCH") ? noSuchExec(error.cause) : error;
}

/** What the agent's answer means. */
function asPortError(error: unknown): unknown {
  if (!(error instanceof GuestError)) return error;
  const cause = error;
  switch (error.code) {
    case "ENOENT":
      return noSuchExec(cause);
    case "EEXIST":
      return new FastvmError("conflict", "a command of this id is there already", { cause });
    case "EMFILE":
      return new FastvmError("out_of_capacity", "the VM has too many commands in the background", { cause });
    case "EPIPE":
      return new FastvmError("conflict", "the command takes no more input", { cause });
    case "ENOTTY":
      return new FastvmError("conflict", "the command has no terminal", { cause });
    case "ESRCH":
      return new FastvmError("conflict", "the command has ended", { cause });
    default:
      return new FastvmError("guest_unresponsive", error.message, { cause });
  }
}

function isOf(error: unknown, code: string): boolean {
  return error instanceof GuestError && error.code === code;
}
