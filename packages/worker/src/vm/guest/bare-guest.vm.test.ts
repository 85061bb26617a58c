/**
 * Capture and restore below the guest link, under each accelerator there is: the arguments, the slot,
 * the device state, the page map and the delta are the worker's. It shows that processors, their memory
 * and their armed timers come back; it shows nothing of Linux, of other hosts' processors, of clocks.
 */
import { access, constants } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Accelerator } from "../../qemu/machine.ts";
import { refusedFeatures } from "../../qemu/refused-features.ts";
import { BareGuests, bareMachine } from "../../testing/bare-guest.ts";
import type { BareGuest, BareMachine, Counters } from "../../testing/bare-guest.ts";

const CPUS = 3;
const ROUNDS = 4;
const POLL_MS = 10;
const DEADLINE_MS = 60_000;
const FIRST_USER = 1_820_000;

const hasKvm = await access("/dev/kvm", constants.R_OK | constants.W_OK).then(
  () => true,
  () => false,
);

/** Every processor has counted on, in its loop and by its timer. */
async function countsOn(guest: BareGuest, from: Counters): Promise<boolean> {
  const deadline = Date.now() + DEADLINE_MS;
  while (Date.now() < deadline) {
    const now = await guest.counters();
    const grew = (key: keyof Counters): boolean =>
      now[key].every((count, cpu) => count !== from[key][cpu] && count > 0);
    if (grew("loops") && grew("ticks")) return true;
    await sleep(POLL_MS);
  }
  return false;
}

const NOTHING: Counters = { loops: Array<number>(CPUS).fill(0), ticks: Array<number>(CPUS).fill(0) };

/** Some KVMs refuse what they offer. */
async function startAny(guests: BareGuests, machine: BareMachine): Promise<[BareGuest, BareMachine]> {
  try {
    return [await guests.start(machine), machine];
  } catch (error) {
    const masked = refusedFeatures(String(error));
    if (masked.length === 0) throw error;
    const without = { ...machine, masked };
    return [await guests.start(without), without];
  }
}

async function captureAndRestore(accelerator: Accelerator): Promise<void> {
  await using guests = await BareGuests.open(FIRST_USER);
  const [source, machine] = await startAny(guests, { machine: bareMachine(CPUS), accelerator });
  let parent = source;
  expect(await countsOn(parent, NOTHING)).toBe(true);
  for (let round = 0; round < ROUNDS; round++) {
    const captured = await parent.capture();
    const child = await guests.restore(machine, captured, round % 2 === 0 ? "written" : "mapped");
    expect(await child.counters()).toEqual(captured.counters);
    await child.continue();
    expect(await countsOn(child, captured.counters)).toBe(true);
    expect(await countsOn(parent, captured.counters)).toBe(true);
    // The next is captured from what was restored.
    parent = child;
  }
}

describe("a guest of firmware alone, three processors with armed timers, is captured and restored", () => {
  test("under software emulation", () => captureAndRestore("tcg"));

  test.skipIf(!hasKvm)(`under KVM${hasKvm ? "" : ": skipped, /dev/kvm cannot be opened here"}`, () =>
    captureAndRestore("kvm"),
  );
});
