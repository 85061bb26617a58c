import { describe, expect, test } from "vitest";
import { renderReport, replaceReport } from "./report.ts";
import { median, p99 } from "./statistics.ts";

const FACTS = {
  measuredAt: "2026-01-02T03:04:05.000Z",
  cpu: "a processor",
  cores: 2,
  memoryGib: 4,
  kernel: "6.1.0",
  node: "v24.0.0",
  qemu: "7.2",
  accelerator: "tcg",
  load: 0,
  busy: false,
};

describe("the report", () => {
  test("says of each figure that was measured whether its bound is met", () => {
    const report = renderReport(
      { floor_restore_ms_p50: 100, launch_ms_p50: 130, launch_pool_ms_p50: 51 },
      FACTS,
    );
    const rows = report.split("\n").filter((line) => line.startsWith("| launch"));
    expect(rows[0]).toContain("| 130 ms | 100 ms | 1.30 | met |");
    expect(rows[1]).toContain("| 51.0 ms | 100 ms | 0.51 | **NOT met** (limit 50.0): ");
    expect(report).not.toContain("exec");
  });

  test("has the seconds of each phase of a build, and says what emulation has to do with them", () => {
    const figures = {
      build_go_first_preparing_s: 1.25,
      build_go_first_build_s: 60,
      build_go_again_build_s: 2,
    };
    const report = renderReport(figures, FACTS);
    expect(report).toContain("| go, first | 1.3 | – | – | 60.0 | – | – | – | 61.3 |");
    expect(report).toContain("| go, again | – | – | – | 2.0 | – | – | – | 2.0 |");
    expect(report).toContain("emulated");
    expect(report).not.toContain("python");
    expect(renderReport(figures, { ...FACTS, accelerator: "kvm" })).not.toContain("emulated");
    expect(renderReport({ exec_ms_p50: 1 }, FACTS)).not.toContain("build, s");
  });

  test("puts what others publish beside a time to interactive, and nowhere else", () => {
    const figures = { tti_row_ms_p50: 68, tti_row_ms_p95: 262, tti_row_ms_p99: 300 };
    const report = renderReport(figures, FACTS);
    expect(report).toContain("| this run, one after the other, over loopback | 0.07 | 0.26 | 0.30 | 100 % |");
    expect(report).toContain("Unproved by us");
    expect(renderReport({ exec_ms_p50: 1 }, FACTS)).not.toContain("Unproved");
  });

  test("says how a launch on a full host stands to one on an empty host", () => {
    const flat = { growth_launch_0_ms_p50: 40, growth_launch_90_ms_p50: 45 };
    expect(renderReport(flat, FACTS)).toMatch(/launch from the pool where 90 VMs run.*\| met \|/);
    const grown = { ...flat, growth_launch_90_ms_p50: 47 };
    expect(renderReport(grown, FACTS)).toContain("**NOT met** (limit 46.0)");
  });

  test("holds pauses against the accelerator's own bound", () => {
    const pause = { capture_pause_ms_p50: 20, capture_dirty_mib: 8 };
    expect(renderReport(pause, FACTS)).toContain("20.0 ms (8.0 MiB dirty) | – | – | met");
    expect(renderReport(pause, { ...FACTS, accelerator: "kvm" })).toContain("**NOT met** (limit 15.0)");
  });

  test("holds a pause against the bound of its p50, and of its p99 where there are samples for one", () => {
    const measured = { pause_2gib_1mib_idle_ms_p50: 6 };
    expect(renderReport(measured, FACTS)).toContain("| 6.00 ms | – | – | met |");
    const within = { ...measured, pause_2gib_1mib_idle_ms_p99: 19, floor_pause_2gib_1mib_idle_ms_p50: 5 };
    expect(renderReport(within, FACTS)).toContain("| 6.00 ms (p99 19.0) | 5.00 ms | 1.20 | met |");
    expect(renderReport({ ...measured, pause_2gib_1mib_idle_ms_p99: 21 }, FACTS)).toContain("**NOT met**");
    expect(renderReport({ pause_8gib_16mib_compiling_ms_p50: 11 }, FACTS)).toContain(
      "**NOT met** (limit 10.0)",
    );
  });

  test("says when a bound may be missed for the machine's other work", () => {
    const missed = { floor_exec_ms_p50: 5, exec_ms_p50: 9 };
    expect(renderReport(missed, FACTS)).not.toContain("busy");
    expect(renderReport(missed, { ...FACTS, load: 3, busy: true })).toContain("busy (load 3.0)");
  });

  test("puts QEMU's 9p beside a volume, each with the disk of its own VM, and judges the volume alone", () => {
    const names = { volume_names_ms_p50: 80, own_disk_names_ms_p50: 10 };
    const report = renderReport({ ...names, ninep_names_ms_p50: 90, ninep_disk_names_ms_p50: 12 }, FACTS);
    expect(report).toMatch(/200 files made.*\| 80\.0 ms \| 10\.0 ms \| 8\.00 \| met \|/);
    expect(report).toMatch(/QEMU's 9p.*\| – \| 90\.0 ms \| 12\.0 ms \| 7\.50 \| not ours \|/);
  });

  test("replaces what is between the markers and nothing else", () => {
    const page = "before\n<!-- bench:start -->\nold\n<!-- bench:end -->\nafter\n";
    const replaced = replaceReport(page, "new");
    expect(replaced).toBe("before\n<!-- bench:start -->\n\nnew\n\n<!-- bench:end -->\nafter\n");
    expect(replaceReport(replaced, "new")).toBe(replaced);
    expect(() => replaceReport("no markers", "new")).toThrow(/bench:start/);
  });
});

test("the median of an even and of an odd count", () => {
  expect(median([10, 9, 100])).toBe(10);
  expect(median([1, 2, 4, 100])).toBe(3);
  expect(() => median([])).toThrow(/middle/);
});

test("of a hundred the second largest is the p99; of fewer there is none", () => {
  const hundred = Array.from({ length: 100 }, (_, at) => 100 - at);
  expect(p99(hundred)).toBe(99);
  expect(p99([...hundred, 500])).toBe(100);
  expect(() => p99(hundred.slice(1))).toThrow(/100/);
});
