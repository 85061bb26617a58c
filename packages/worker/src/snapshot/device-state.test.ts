import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { QemuProcess } from "../qemu/qemu-process.ts";
import { loadDeviceState } from "./device-state.ts";

/** One that takes all that it is sent and says nothing, and whose threads nobody can look at. */
function silent(): QemuProcess {
  const never = new Promise<never>(() => undefined);
  const qmp = { execute: async () => undefined, onEvent: () => () => undefined, closed: never };
  return {
    qmp,
    stateChannel: new PassThrough().resume(),
    identity: { pid: "1\0" },
  } as unknown as QemuProcess;
}

test("a QEMU of which nobody can say whether it is stuck is not waited for without end", async () => {
  await expect(loadDeviceState(silent(), Buffer.alloc(1))).rejects.toThrow(/null bytes/);
});
