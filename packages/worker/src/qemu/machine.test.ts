import { describe, expect, test } from "vitest";
import { machineDigest, qemuArguments } from "./machine.ts";
import type { MachineSpec } from "./machine.ts";
import { isRefusedState, refusedFeatures } from "./refused-features.ts";

const SPEC: MachineSpec = {
  machine: { name: "c1m2", cpu: 1, memoryMib: 2048 },
  accelerator: "tcg",
  network: "tap",
};
/** As a KVM said it that offers arch-capabilities and does not take them. */
const REFUSAL =
  "qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69\nqemu-system-x86_64: " +
  "../../target/i386/kvm/kvm.c:3183: kvm_buf_set_msrs: Assertion `ret == cpu->kvm_msr_buf->nmsrs' failed.";

describe("the hardware's digest", () => {
  test.each<[string, Partial<MachineSpec>]>([
    ["the size of the machine", { machine: { name: "c2m2", cpu: 2, memoryMib: 2048 } }],
    ["the accelerator: none serves what was made under the other", { accelerator: "kvm" }],
    ["the network", { network: "none" }],
    ["a feature that is masked", { masked: ["arch-capabilities"] }],
  ])("changes with %s", (_name, change) => {
    expect(machineDigest({ ...SPEC, ...change })).not.toBe(machineDigest(SPEC));
  });

  test("is this one: whoever changes it makes every captured state incompatible", () => {
    expect(machineDigest(SPEC)).toMatchInlineSnapshot(
      `"f3459118e0ec407ee2b2823b34eda20ecb9c8380709c6ee863b6f08bba291b6e"`,
    );
  });
});

describe("under KVM", () => {
  const cpuOf = (masked?: readonly string[]): string => {
    const args = qemuArguments("vm", { ...SPEC, accelerator: "kvm", masked });
    return args[args.indexOf("-cpu") + 1] ?? "";
  };

  test("a guest sees nothing that cannot be captured", () => {
    expect(cpuOf()).toContain("migratable=on");
    expect(cpuOf()).toContain("pmu=off");
  });

  test("what a host's KVM offers and refuses is masked there", () => {
    expect(refusedFeatures(REFUSAL)).toEqual(["arch-capabilities"]);
    expect(refusedFeatures("Could not access KVM kernel module")).toEqual([]);
    expect(cpuOf(refusedFeatures(REFUSAL))).toMatch(/,arch-capabilities=off$/);
  });

  test("a device state with what this processor does not take is known by QEMU's last words", () => {
    expect(isRefusedState(`QEMU ended: ${REFUSAL}`)).toBe(true);
    expect(isRefusedState("QEMU was killed")).toBe(false);
  });
});
