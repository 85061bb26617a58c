/** The local `tar`, as a source or a target of bytes. A tar that fails makes the transfer fail. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { environmentWith } from "../client-config.ts";
import { FileTransferError } from "./file-transfer-error.ts";

const MAX_COMPLAINT_CHARS = 2000;
/**
 * What GNU tar, bsdtar and busybox say when they make a member's absolute path a relative one and go on as if nothing were
 * wrong. No archive of ours has such a member: whoever made it means harm.
 */
const ABSOLUTE_MEMBER = /^\w*tar: removing leading/im;

/** A gzipped tar of what is in the folder, rooted at `.`. */
export async function* packFolder(folder: string): AsyncGenerator<Uint8Array, void, undefined> {
  const tar = new TarProcess(["-cz", "-C", folder, "."], ["ignore", "pipe", "pipe"]);
  try {
    if (tar.child.stdout !== null) yield* tar.child.stdout as AsyncIterable<Uint8Array>;
    await tar.end();
  } finally {
    tar.child.kill();
  }
}

/**
 * Unpacks into a folder that exists, over what is there. Owners are not taken over. Archives with absolute paths, `..` or
 * links that lead outside are an error, and nothing of them lands outside the folder: tar sees to that by itself.
 */
export async function unpackInto(folder: string, archive: AsyncIterable<Uint8Array>): Promise<void> {
  const tar = new TarProcess(["-xz", "--no-same-owner", "-C", folder], ["pipe", "ignore", "pipe"]);
  const { stdin } = tar.child;
  // A tar that fails stops reading; its own words then say more than the broken pipe.
  stdin?.on("error", () => undefined);
  try {
    for await (const chunk of archive) {
      if (stdin === null || !stdin.writable) break;
      if (!stdin.write(chunk)) await Promise.race([once(stdin, "drain"), once(stdin, "close")]);
    }
    stdin?.end();
    await tar.end();
  } finally {
    tar.child.kill();
  }
}

class TarProcess {
  readonly child: ChildProcess;
  readonly #closed: Promise<Error | undefined>;
  #complaint = "";
  #lastLine = "";
  #hasAbsoluteMember = false;

  constructor(args: readonly string[], stdio: ("ignore" | "pipe")[]) {
    // Its words are read, so they must not be translated.
    this.child = spawn("tar", args, { stdio, env: environmentWith({ LC_ALL: "C" }) });
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
