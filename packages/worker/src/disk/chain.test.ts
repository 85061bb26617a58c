import { describe, expect, test } from "vitest";
import { chainUpTo, layerName, nextLayer, nodeName } from "./chain.ts";

describe("a disk's layers", () => {
  test("are numbered from the image's raw file upwards", () => {
    expect(layerName(0)).toBe("0.raw");
    expect(nextLayer(["0.raw"])).toBe("1.qcow2");
    expect(nextLayer(["0.raw", "1.qcow2", "2.qcow2"])).toBe("3.qcow2");
  });

  test("go on upwards over the gap that a compaction leaves", () => {
    expect(nextLayer(["0.raw", "18.qcow2"])).toBe("19.qcow2");
  });

  test("are those up to the one that QEMU writes to, when the record is behind", () => {
    expect(chainUpTo(["0.raw", "1.qcow2"], "1.qcow2")).toEqual(["0.raw", "1.qcow2"]);
    expect(chainUpTo(["0.raw", "18.qcow2"], "20.qcow2")).toEqual([
      "0.raw",
      "18.qcow2",
      "19.qcow2",
      "20.qcow2",
    ]);
    expect(chainUpTo(["0.raw", "3.qcow2"], "2.qcow2")).toBeUndefined();
  });

  test("are known to QEMU by their number", () => {
    expect(nodeName("0.raw")).toBe("disk-0");
    expect(nodeName("12.qcow2")).toBe("disk-12");
  });
});
