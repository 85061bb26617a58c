/**
 * What to send as the command's stdin. The API takes it whole, so it is read to its end before the command starts, and
 * what matters is not to wait for an end that never comes.
 */
import { fstatSync } from "node:fs";
import type { Stats } from "node:fs";
import { remark } from "../output/print.ts";
import { UserError } from "../user-error.ts";

/** The API's own limit for the decoded bytes. */
const MAX_STDIN_BYTES = 16 * 1024 * 1024;
/** A shell's pipe has a writer that will end; say so when it takes its time. */
const REMARK_AFTER_MS = 2000;
/**
 * Programs start others with a socket for stdin that they mostly neither write to nor close. One that has something
 * to say does so at once.
 */
const SOCKET_PATIENCE_MS = 300;

/** `wanted`: true reads to the end whatever stdin is, false sends none, undefined decides by what stdin is. */
export async function readPipedStdin(wanted: boolean | undefined): Promise<Uint8Array | undefined> {
  if (wanted === false || (wanted === undefined && process.stdin.isTTY)) return undefined;
  const kind = wanted === true ? "pipe" : kindOfStdin();
  if (kind === "none") return undefined;
  refuseLargeFile();
  if (kind === "socket" && !(await hasInput(SOCKET_PATIENCE_MS))) {
    process.stdin.destroy();
    return undefined;
  }
  return readToEnd();
}

function kindOfStdin(): "pipe" | "socket" | "none" {
  const stat = statOfStdin();
  if (stat === undefined) return "none";
  if (stat.isSocket()) return "socket";
  return stat.isFIFO() || stat.isFile() ? "pipe" : "none";
}

/** `undefined`: closed by whoever started us. */
function statOfStdin(): Stats | undefined {
  try {
    return fstatSync(0);
  } catch {
    return undefined;
  }
}

/** Of a file the size is known before it is read. Where it is read from is not, but a file of which only the end is sent is rare. */
function refuseLargeFile(): void {
  const stat = statOfStdin();
  if (stat?.isFile() === true && stat.size > MAX_STDIN_BYTES) throw tooLarge();
}

function tooLarge(): UserError {
  return new UserError(
    "Standard input is over 16 MiB, which is what a command can be given",
    "Copy it to the VM first (fastvm cp), or send nothing (--no-stdin)",
  );
}

/** Resolves to true at the first bytes or at the end, whichever comes first. */
function hasInput(patienceMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const decide = (value: boolean) => (): void => {
      clearTimeout(timer);
      process.stdin.off("readable", onReadable);
      resolve(value);
    };
    const onReadable = decide(true);
    const timer = setTimeout(decide(false), patienceMs);
    process.stdin.on("readable", onReadable);
  });
}

async function readToEnd(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(() => {
    if (size === 0) remark("Waiting for the end of standard input (--no-stdin sends none)");
  }, REMARK_AFTER_MS);
  try {
    for await (const chunk of process.stdin) {
      const bytes = Buffer.from(chunk as Uint8Array);
      size += bytes.length;
      if (size > MAX_STDIN_BYTES) throw tooLarge();
      chunks.push(bytes);
    }
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks);
}
