/** The table of promises and what a run found, as it is printed and as it stands in docs/SPECIFICATION.md. */
import { LANGUAGES } from "./builds/language-images.ts";
import type { Figures } from "./figures.ts";
import type { HostFacts } from "./host-facts.ts";
import { BUILD_PHASES, BUILD_TURNS } from "./measure/builds.ts";
import { PROMISES } from "./promises.ts";
import { publishedLines } from "./published-tti.ts";
import type { Promised } from "./promised.ts";

const START = "<!-- bench:start -->";
const END = "<!-- bench:end -->";
const EMULATED =
  "Every command of a build is emulated here, some ten to thirty times slower than on the processor; so is the first boot (`warming`).";
const HEADER = ["figure", "bound", "measured", "floor", "ratio", "verdict", "printed by"];

export function renderReport(figures: Figures, facts: HostFacts): string {
  const rows = PROMISES.map((promise) => row(promise, figures, facts)).filter((cells) => cells !== undefined);
  const lines = [HEADER, HEADER.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  const tables = [rows.length === 0 ? [] : lines, buildLines(figures, facts), publishedLines(figures)].filter(
    ({ length }) => length > 0,
  );
  return [factLines(figures, facts), ...tables].map((table) => table.join("\n")).join("\n\n");
}

/** Seconds, with nothing to hold them against: a build is as long as its Dockerfile makes it. */
function buildLines(figures: Figures, { accelerator }: HostFacts): readonly string[] {
  const rows = LANGUAGES.flatMap((language) =>
    BUILD_TURNS.flatMap((turn) => {
      const seconds = BUILD_PHASES.map((phase) => figures[`build_${language}_${turn}_${phase}_s`]);
      if (seconds.every((each) => each === undefined)) return [];
      const sum = seconds.reduce<number>((total, each) => total + (each ?? 0), 0);
      const cells = [...seconds, sum].map((each) => (each === undefined ? "–" : each.toFixed(1)));
      return [[`${language}, ${turn}`, ...cells]];
    }),
  );
  if (rows.length === 0) return [];
  const header = ["build, s", ...BUILD_PHASES, "together"];
  const table = [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return accelerator === "kvm" ? table : [...table, "", EMULATED];
}

/** Puts the report between the page's markers. Throws when they are missing. */
export function replaceReport(page: string, report: string): string {
  const start = page.indexOf(START);
  const end = page.indexOf(END);
  if (start < 0 || end < start) throw new Error(`The page has no ${START} with ${END} after it`);
  return `${page.slice(0, start + START.length)}\n\n${report}\n\n${page.slice(end)}`;
}

function factLines(figures: Figures, facts: HostFacts): string[] {
  const { template_boot_s: boot } = figures;
  return [
    `Measured ${facts.measuredAt.slice(0, 10)} on ${facts.cores} cores (${facts.cpu}), ${facts.memoryGib} GiB, Linux ${facts.kernel},`,
    `QEMU ${facts.qemu}, accelerator **${facts.accelerator}**, Node.js ${facts.node}; load before the run ${facts.load.toFixed(2)}.`,
    ...(boot === undefined
      ? []
      : [`The template was made in this run: daemon ready after ${boot.toFixed(1)} s.`]),
  ];
}

/** `undefined` for what was not measured. */
function row(promise: Promised, figures: Figures, facts: HostFacts): string[] | undefined {
  const measured = figures[promise.measured];
  if (measured === undefined) return undefined;
  const floor = promise.floor === undefined ? undefined : figures[promise.floor];
  const beside = promise.beside?.(figures) ?? "";
  return [
    promise.figure,
    promise.bound,
    `${number(measured)} ${promise.unit}${beside === "" ? "" : ` (${beside})`}`,
    floor === undefined ? "–" : `${number(floor)} ${promise.unit}`,
    floor === undefined ? "–" : (measured / floor).toFixed(2),
    verdict(promise, measured, promise.limit(figures, facts.accelerator), facts),
    `\`./bench/run --only ${promise.measure}\``,
  ];
}

function verdict(promise: Promised, measured: number, limit: number | undefined, facts: HostFacts): string {
  if (promise.isReference === true) return "not ours";
  if (limit === undefined) return "no floor to hold it against";
  if (measured <= limit) return "met";
  const busy = facts.busy ? `; the machine was busy (load ${facts.load.toFixed(1)})` : "";
  return `**NOT met** (limit ${number(limit)}): ${promise.cost}${busy}`;
}

function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}
