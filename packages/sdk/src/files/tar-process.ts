/** The local `tar`, as a source or a target of bytes. A tar that fails makes the transfer fail. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { FileTransferError } from "./file-transfer-error.ts";

const MAX_COMPLAINT_CHARS = 2000;

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
 * Unpacks into a folder that exists, over what is there. Owners are not taken over; tar itself refuses members that would
 * land outside the folder.
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

  constructor(args: readonly string[], stdio: ("ignore" | "pipe")[]) {
    this.child = spawn("tar", args, { stdio });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = (this.#complaint + text).slice(0, MAX_COMPLAINT_CHARS);
    });
    // Listened to from the start: a tar that has ended before anybody asks must not be waited for.
    this.#closed = new Promise((resolve) => {
      this.child.once("error", (cause) =>
        resolve(new FileTransferError(`tar cannot be started: ${cause.message}`, { cause })),
      );
      this.child.once("close", (code) => resolve(code === 0 ? undefined : this.#failure(code)));
    });
  }

  async end(): Promise<void> {
    const failure = await this.#closed;
    if (failure !== undefined) throw failure;
  }

  #failure(code: number | null): FileTransferError {
    return new FileTransferError(`The local tar failed (${code ?? "killed"}): ${this.#complaint.trim()}`);
  }
}
