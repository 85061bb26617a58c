import { expect, test } from "vitest";
import { qemuArguments } from "../../packages/worker/src/qemu/machine.ts";
import { floorArguments } from "./qemu-arguments.ts";

test.each(["tcg", "kvm"] as const)("the floor's machine is the product's, with %s", (accelerator) => {
  const machine = { name: "c2m4", cpu: 2, memoryMib: 4096 };
  expect(floorArguments("vm", { accelerator, cpu: 2, memoryMib: 4096 })).toEqual(
    qemuArguments("vm", { machine, accelerator, network: "tap" }),
  );
});
