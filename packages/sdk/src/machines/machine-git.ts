/** `machine.git`: git in the machine, by its own commands. The machine needs git. */
import type { CallOptions } from "./connection.ts";
import { gitCall, LOG_FORMAT, readLog, readStatus } from "./git-output.ts";
import type { GitCommit, GitHttpsAuth, GitStatus } from "./git-output.ts";
import type { MachineCommands } from "./machine-commands.ts";
import { GitError } from "./machine-error.ts";

/** A clone or a push may move much. */
const TRANSFER_SEC = 1800;

interface RemoteParams {
  readonly remote?: string | undefined;
  /** Without a remote: of `origin`. */
  readonly branch?: string | undefined;
  readonly auth?: GitHttpsAuth | undefined;
}

interface CloneParams {
  /** Default: the name that the URL ends with. */
  readonly path?: string | undefined;
  readonly branch?: string | undefined;
  readonly depth?: number | undefined;
  readonly auth?: GitHttpsAuth | undefined;
}

export class MachineGit {
  readonly #commands: MachineCommands;

  constructor(commands: MachineCommands) {
    this.#commands = commands;
  }

  async clone(
    url: string,
    { path, branch, depth, auth }: CloneParams = {},
    options: CallOptions = {},
  ): Promise<void> {
    const flags = [
      ...(branch === undefined ? [] : [`--branch=${branch}`]),
      ...(depth === undefined ? [] : [`--depth=${depth}`]),
    ];
    const args = ["clone", "--quiet", ...flags, "--", url, ...(path === undefined ? [] : [path])];
    await this.#git(undefined, args, options, auth);
  }

  /** Only where nothing has to be merged. */
  async pull(path: string, { auth, ...remote }: RemoteParams = {}, options: CallOptions = {}): Promise<void> {
    await this.#git(path, ["pull", "--quiet", "--ff-only", ...named(remote)], options, auth);
  }

  async push(
    path: string,
    { auth, setUpstream, ...remote }: RemoteParams & { readonly setUpstream?: boolean } = {},
    options: CallOptions = {},
  ): Promise<void> {
    const flags = setUpstream === true ? ["--set-upstream"] : [];
    await this.#git(path, ["push", "--quiet", ...flags, ...named(remote)], options, auth);
  }

  async status(path: string, options: CallOptions = {}): Promise<GitStatus> {
    return readStatus(await this.#git(path, ["status", "--porcelain=v2", "--branch", "-z"], options));
  }

  /** Newest first. */
  async log(
    path: string,
    { limit = 20, ...options }: CallOptions & { readonly limit?: number } = {},
  ): Promise<readonly GitCommit[]> {
    return readLog(await this.#git(path, ["log", `--max-count=${limit}`, LOG_FORMAT], options));
  }

  diff(
    path: string,
    { staged, ...options }: CallOptions & { readonly staged?: boolean } = {},
  ): Promise<string> {
    return this.#git(path, ["diff", ...(staged === true ? ["--cached"] : [])], options);
  }

  /** Those files, or all that changed. */
  async add(path: string, files?: readonly string[], options: CallOptions = {}): Promise<void> {
    await this.#git(path, files === undefined ? ["add", "--all"] : ["add", "--", ...files], options);
  }

  /** The commit that was made. */
  async commit(message: string, path: string, options: CallOptions = {}): Promise<string> {
    await this.#git(path, ["commit", "--quiet", `--message=${message}`], options);
    return (await this.#git(path, ["rev-parse", "HEAD"], options)).trim();
  }

  /** And goes on in it. */
  async createBranch(path: string, name: string, options: CallOptions = {}): Promise<void> {
    await this.#git(path, ["checkout", "--quiet", "-b", name], options);
  }

  async checkout(path: string, ref: string, options: CallOptions = {}): Promise<void> {
    await this.#git(path, ["checkout", "--quiet", ref, "--"], options);
  }

  /** Of one work tree, or without `path` of the machine. */
  async configureUser(
    name: string,
    email: string,
    { path, ...options }: CallOptions & { readonly path?: string } = {},
  ): Promise<void> {
    const scope = path === undefined ? ["--global"] : [];
    await this.#git(path, ["config", ...scope, "user.name", name], options);
    await this.#git(path, ["config", ...scope, "user.email", email], options);
  }

  async remoteAdd(path: string, name: string, url: string, options: CallOptions = {}): Promise<void> {
    await this.#git(path, ["remote", "add", name, url], options);
  }

  async #git(
    path: string | undefined,
    args: readonly string[],
    { signal }: CallOptions,
    auth?: GitHttpsAuth,
  ): Promise<string> {
    const call = gitCall([...(path === undefined ? [] : ["-C", path]), ...args], auth);
    const result = await this.#commands.run("git", { ...call, timeout: TRANSFER_SEC }, { signal });
    if (result.exitCode !== 0) throw new GitError(args[0] ?? "", result.exitCode, result.stderr);
    return result.stdout;
  }
}

function named({ remote, branch }: RemoteParams): string[] {
  if (branch !== undefined) return [remote ?? "origin", branch];
  return remote === undefined ? [] : [remote];
}
