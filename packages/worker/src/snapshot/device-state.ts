/** Loads a captured device state into a QEMU that waits for one. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError } from "@fastvm/contract";
import { checksumOf } from "../files/checksum.ts";
import { untilStuck } from "../processes/stuck.ts";
import type { QemuProcess } from "../qemu/qemu-process.ts";
import type { QmpClient } from "../qemu/qmp-client.ts";
import { STATE_FILE } from "./folder.ts";
import type { Snapshot } from "./folder.ts";

/** Takes 1 to 5 ms, of a process that is let run; a host that swaps, or has twenty others in line, lets it wait for long. */
const LOAD_BOUNDS = { idleMs: 20_000, limitMs: 120_000 };

/** Reads and verifies. */
export async function readDeviceState(snapshot: Snapshot): Promise<Buffer> {
  const { deviceState } = snapshot.manifest;
  const bytes = await readFile(join(snapshot.folder, STATE_FILE));
  if (bytes.length !== deviceState.bytes || checksumOf(bytes) !== deviceState.crc32) {
    throw new FastvmError("snapshot_incompatible", "its device state is damaged");
  }
  return bytes;
}

/** What every waiting QEMU is told once, ahead of time where it comes from the pool. */
export async function prepareIncoming(qmp: QmpClient): Promise<void> {
  await qmp.execute("migrate-set-capabilities", {
    capabilities: [
      // The memory is there already: mapped from its file.
      { capability: "x-ignore-shared", state: true },
      { capability: "events", state: true },
    ],
  });
}

/**
 * Sends the state through the inherited descriptor and waits until QEMU has taken it. QEMU
 * 7.2 ends itself over a state that it cannot load; the lost monitor then rejects this.
 */
export async function loadDeviceState(qemu: QemuProcess, state: Buffer): Promise<void> {
  const { qmp, stateChannel } = qemu;
  if (stateChannel === undefined) throw new Error("Only a process of this daemon can load a device state");
  const loaded = migrationCompleted(qemu);
  try {
    await qmp.execute("migrate-incoming", { uri: "fd:3" });
    stateChannel.end(state);
    await loaded.done;
  } finally {
    loaded.stop();
    stateChannel.destroy();
  }
}

function migrationCompleted({ qmp, identity }: QemuProcess): { done: Promise<void>; stop: () => void } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const watching = new AbortController();
  void untilStuck(identity.pid, LOAD_BOUNDS, watching.signal).then(
    (how) => reject(new Error(`QEMU did not load the device state: ${how}`)),
    (error: unknown) => {
      if (!watching.signal.aborted) reject(error);
    },
  );
  const unsubscribe = qmp.onEvent(({ event, data }) => {
    if (event !== "MIGRATION") return;
    if (data["status"] === "completed") resolve();
    if (data["status"] === "failed") reject(new Error("QEMU refused the device state"));
  });
  void qmp.closed.then((cause) =>
    reject(new Error("QEMU ended while it loaded the device state", { cause })),
  );
  // Whoever waits sees the rejection; when migrate-incoming itself fails nobody waits.
  promise.catch(() => undefined);
  return {
    done: promise,
    stop: () => {
      watching.abort();
      unsubscribe();
    },
  };
}
