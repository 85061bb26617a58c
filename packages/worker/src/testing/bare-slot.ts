/** A real QEMU without a guest, for tests of what happens around one. */
import { chmod, copyFile, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseMachineType } from "@fastvm/contract";
import { Cgroups } from "../host/cgroups.ts";
import { probeNamespaces } from "../host/namespaces.ts";
import { UidAllocator } from "../host/uid-allocator.ts";
import { nothingMapped } from "../memory/mapping.ts";
import { keepInstalledQemu, QEMU_BINARY } from "../qemu/qemu-set.ts";
import { closeSlot, openSlot } from "../pool/slot.ts";
import type { Slot, SlotHost } from "../pool/slot.ts";
import type { QemuHost } from "../qemu/qemu-process.ts";
import { findQemuProgram } from "../qemu/qemu-program.ts";
import type { QemuProgram } from "../qemu/qemu-program.ts";

const TEST_UID_BASE = 1_800_000;
const LIBRARY = fileURLToPath(new URL("../../native/build/readonly-memory.so", import.meta.url));

export interface BareSlot extends AsyncDisposable {
  readonly slot: Slot;
  readonly root: string;
}

/** The system's QEMU, confined as far as this host can. */
export async function testQemu(): Promise<QemuHost & { readonly program: QemuProgram }> {
  const program = await findQemuProgram(QEMU_BINARY);
  return {
    program,
    libraries: program.libraries,
    namespaces: (await probeNamespaces()).given,
    readonlyMemoryLibrary: LIBRARY,
  };
}

/** `memoryMib` of zeros as base memory; waits for a device state that never comes. */
export async function openBareSlot(machineName = "c1m1", changes: Partial<QemuHost> = {}): Promise<BareSlot> {
  const machine = parseMachineType(machineName);
  if (machine === undefined) throw new Error(machineName);
  const root = await mkdtemp(join(tmpdir(), "fastvm-slot-"));
  const memory = join(root, "base");
  {
    await using file = await open(memory, "wx", 0o444);
    await file.truncate(machine.memoryMib * 1024 * 1024);
  }
  // Where only root can read it, as in a clone in root's home.
  const readonlyMemoryLibrary = join(root, "library.so");
  await copyFile(LIBRARY, readonlyMemoryLibrary);
  await chmod(readonlyMemoryLibrary, 0o400);
  const { program, ...qemuHost } = await testQemu();
  const host: SlotHost = {
    qemuHost: { ...qemuHost, readonlyMemoryLibrary, ...changes },
    uids: new UidAllocator(TEST_UID_BASE),
    cgroups: await Cgroups.open(`test-${process.pid}`),
    network: undefined,
  };
  const slot = await openSlot(host, {
    folder: join(root, "slot"),
    machine: { machine, accelerator: "tcg" },
    diskGib: 1,
    memory,
    pages: nothingMapped(machine.memoryMib),
    qemu: await keepInstalledQemu(program, join(root, "store")),
  });
  return {
    slot,
    root,
    [Symbol.asyncDispose]: async () => {
      await closeSlot(host, slot);
      await host.cgroups.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}
