/** The local `tar`, as a source or a target of bytes. A tar that fails makes the transfer fail. */
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { Writable } from "node:stream";
import { environmentWith } from "../client-config.ts";
import { FileTransferError } from "./file-transfer-error.ts";
import { tarFlavor } from "./tar-flavor.ts";
import type { TarFlavor } from "./tar-flavor.ts";

const MAX_COMPLAINT_CHARS = 2000;
/**
 * What GNU tar, bsdtar and busybox say when they make a member's absolute path a relative one and go on as if nothing were
 * wrong. No archive of ours has such a member: whoever made it means harm.
 */
const ABSOLUTE_MEMBER = /^\w*tar: removing leading/im;

/** A gzipped tar of what is in the folder, rooted at `.`, or of one file in it, whose links are followed. */
export async function* packFolder(
  folder: string,
  options: readonly string[],
  file?: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const member = file === undefined ? ["."] : ["--dereference", `./${file}`];
  const tar = new TarProcess(["-cz", ...options, "-C", folder, ...member], ["ignore", "pipe", "pipe"]);
  try {
    if (tar.child.stdout !== null) yield* tar.child.stdout as AsyncIterable<Uint8Array>;
    await tar.end();
  } finally {
    tar.child.kill();
  }
}

/** A gzipped tar of these, and of nothing below them that is not named. `names`: relative to the folder. */
export async function* packFiles(
  folder: string,
  names: readonly string[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const list = ["--no-recursion", "--null", "-T", "-"];
  const tar = new TarProcess(["-cz", "-C", folder, ...list], ["pipe", "pipe", "pipe"]);
  // A tar that fails stops reading; its own words then say more than the broken pipe.
  tar.child.stdin?.on("error", () => undefined);
  tar.child.stdin?.end(names.map((name) => `./${name}\0`).join(""));
  try {
    if (tar.child.stdout !== null) yield* tar.child.stdout as AsyncIterable<Uint8Array>;
    await tar.end();
  } finally {
    tar.child.kill();
  }
}

/**
 * Unpacks into a folder that exists, over what is there. Archives with absolute paths, `..` or links that lead outside are an
 * error, and nothing of them lands outside the folder: tar sees to that by itself.
 */
export async function unpackInto(
  folder: string,
  archive: AsyncIterable<Uint8Array>,
  options: readonly string[],
): Promise<void> {
  const tar = new TarProcess(["-xz", ...options, "-C", folder], ["pipe", "ignore", "pipe"]);
  const { stdin } = tar.child;
  // A tar that fails stops reading; its own words then say more than the broken pipe.
  stdin?.on("error", () => undefined);
  try {
    for await (const chunk of archive) {
      if (stdin === null || !stdin.writable) break;
      if (!stdin.write(chunk)) await drainedOrClosed(stdin);
    }
    stdin?.end();
    await tar.end();
  } finally {
    tar.child.kill();
  }
}

/** Takes both listeners away with the first event: an archive has as many waits as chunks. */
function drainedOrClosed(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off("drain", done).off("close", done);
      resolve();
    };
    stream.once("drain", done).once("close", done);
  });
}

let flavor: Promise<TarFlavor> | undefined;

/** Asked once. A tar that is not there is found out when it is to work. */
export function localTarFlavor(): Promise<TarFlavor> {
  flavor ??= new Promise((resolve) => {
    execFile("tar", ["--version"], (_error, stdout) => resolve(tarFlavor(stdout)));
  });
  return flavor;
}

/** Its words are read, so they must not be translated. macOS would pack a second file beside each that has attributes. */
const TAR_ENVIRONMENT = { LC_ALL: "C", COPYFILE_DISABLE: "1" };

class TarProcess {
  readonly child: ChildProcess;
  readonly #closed: Promise<Error | undefined>;
  #complaint = "";
  #lastLine = "";
  #hasAbsoluteMember = false;

  constructor(args: readonly string[], stdio: ("ignore" | "pipe")[]) {
    this.child = spawn("tar", args, { stdio, env: environmentWith(TAR_ENVIRONMENT) });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = (this.#complaint + text).slice(0, MAX_COMPLAINT_CHARS);
      // Before it is cut: an archive may bring many warnings in order to hide this one.
      const lines = this.#lastLine + text;
      this.#hasAbsoluteMember ||= ABSOLUTE_MEMBER.test(lines);
      this.#lastLine = lines.slice(lines.lastIndexOf("\n") + 1).slice(-MAX_COMPLAINT_CHARS);
    });
    // Listened to from the start: a tar that has ended before anybody asks must not be waited for.
    this.#closed = new Promise((resolve) => {
      this.child.once("error", (cause) =>
        resolve(new FileTransferError(`tar cannot be started: ${cause.message}`, { cause })),
      );
      this.child.once("close", (code) => resolve(this.#outcome(code)));
    });
  }

  async end(): Promise<void> {
    const failure = await this.#closed;
    if (failure !== undefined) throw failure;
  }

  #outcome(code: number | null): FileTransferError | undefined {
    if (this.#hasAbsoluteMember) {
      return new FileTransferError("The archive has members with absolute paths or `..`", { code: "EPERM" });
    }
    if (code === 0) return undefined;
    return new FileTransferError(`The local tar failed (${code ?? "killed"}): ${this.#complaint.trim()}`);
  }
}
