/** How a QEMU ended, as its supervisor wrote it down: also when no daemon was there to see it. */
import { open } from "node:fs/promises";
import { constants, uptime } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../files/errno.ts";

/** In the VM's folder; empty while it lives. */
export const EXIT_FILE = "exit";

/** The supervisor writes as soon as the process is gone, which takes a moment with gigabytes of memory. */
const RECORD_DEADLINE_MS = 3_000;
const RECORD_POLL_MS = 5;

/** For example `signal 9` or `exit 1`. */
const RECORD = /^(signal|exit) (\d+)\n$/;

export interface QemuExit {
  readonly kind: "signal" | "exit";
  readonly number: number;
}

/** Of a QEMU that has ended or is about to; `undefined` where nobody recorded it. */
export async function readExit(folder: string): Promise<QemuExit | undefined> {
  const deadline = Date.now() + RECORD_DEADLINE_MS;
  for (;;) {
    const record = await readRecord(folder);
    const [, kind, number] = RECORD.exec(record?.text ?? "") ?? [];
    if (kind !== undefined) return { kind: kind === "signal" ? "signal" : "exit", number: Number(number) };
    if (record === undefined || record.isOfEarlierBoot || Date.now() > deadline) return undefined;
    await sleep(RECORD_POLL_MS);
  }
}

/** A part of a sentence, such as `was ended by SIGKILL`. */
export function describeExit(exit: QemuExit | undefined): string {
  if (exit === undefined) return "ended unexpectedly";
  if (exit.kind === "exit") return `ended with status ${exit.number}`;
  return `was ended by ${signalName(exit.number)}`;
}

export function isKill(exit: QemuExit | undefined): boolean {
  return exit?.kind === "signal" && exit.number === constants.signals.SIGKILL;
}

function signalName(number: number): string {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] ?? `signal ${number}`;
}

interface ExitRecord {
  readonly text: string;
  /** Its supervisor has gone down with the host. */
  readonly isOfEarlierBoot: boolean;
}

async function readRecord(folder: string): Promise<ExitRecord | undefined> {
  try {
    await using file = await open(join(folder, EXIT_FILE), "r");
    const { mtimeMs } = await file.stat();
    const text = await file.readFile("latin1");
    return { text, isOfEarlierBoot: mtimeMs < Date.now() - uptime() * 1000 };
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
