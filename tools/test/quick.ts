/** `./test quick`: what a change asks for, in three minutes. It says what it chose, and what it leaves to be run by hand. */
import type { SourceFile } from "../tidy/source-file.ts";
import type { Change } from "./changed-files.ts";
import { ImportGraph } from "./import-graph.ts";
import { LONG_FILES, stageNamed, withImage, type Stage } from "./stages.ts";

export const QUICK_BUDGET_SEC = 180;
/** What the smoke test takes, and the longest unit test that began before it was time. */
const TIME_AFTER_UNIT_SEC = 50;

export interface Choice {
  readonly stages: readonly Stage[];
  /** One line each. */
  readonly says: readonly string[];
}

/** Behind it: the files that are taken for changed, whatever is. */
const AS_IF = "--as-if";
const ONLY_SAY = "--say";

/** What the command line asks for behind `quick`. Without a change, whatever has changed is meant. Throws on what there is not. */
export function readQuick(
  args: readonly string[],
  files: readonly SourceFile[],
): { readonly onlySay: boolean; readonly change?: Change } {
  const rest = args.filter((argument) => argument !== ONLY_SAY);
  const onlySay = rest.length < args.length;
  const [first, ...paths] = rest;
  if (first === undefined) return { onlySay };
  if (first !== AS_IF || paths.length === 0) throw new Error(`quick takes ${ONLY_SAY} and ${AS_IF} FILE...`);
  const unknown = paths.find((path) => !files.some((file) => file.path === path));
  if (unknown !== undefined) throw new Error(`${unknown} is no file of the repository, named from its root`);
  return { onlySay, change: { against: "themselves, as they are named", paths } };
}

const UNIT_TEST = /^(?:packages\/[^/]+\/src|tools|bench)\/.*(?<!\.vm)\.test\.ts$/;
const VM_TEST = /^packages\/.*\.vm\.test\.ts$/;
/** They judge the whole tree, whatever changed in it. */
const ALWAYS: readonly string[] = ["tools/tidy.test.ts"];
/** Of these everything stands, and no import says so. */
const FOUNDATIONS = /^(?:package-lock\.json|package\.json|vitest\.config\.ts|tsconfig\.json)$/;
/** What nothing that runs is made of. */
const PAGES = /(?:^|\/)[^/]+\.md$|^docs\/|^\.github\/|^LICENSE$/;
const AGENT = /^guest\/agent\//;
const PYTHON = /^sdk-python\//;
const OPENAPI = /^packages\/contract\/src\/api\/[^/]+\/openapi\.json$/;

/** By folder of the worker or of others: the tier in which the rest of it is tested, or the files of one. */
const TIERS: readonly (readonly [RegExp, string])[] = [
  [/^packages\/contract\/src\/port\//, "vm packages/worker/src/worker.vm.test.ts"],
  [/^packages\/worker\/src\/(?:network|firewall)\//, "e2e-network"],
  [/^packages\/worker\/src\/dns\//, "e2e e2e/network/names.test.ts"],
  [/^packages\/worker\/src\/(?:recovery|journal|trust)\//, "e2e-own"],
  [/^packages\/daemon\//, "e2e-own"],
  [/^packages\/control-plane\/src\/(?:store|engine\/reconcile)\//, "e2e-own"],
  [/^packages\/control-plane\/src\/(?:api|engine)\//, "e2e-shared"],
  [/^packages\/(?:sdk|cli|edge)\//, "e2e-shared"],
  [/^packages\/worker\/src\/(?:exec|files|guest-link|vm)\//, "e2e-shared"],
  [/^guest\/image\//, "e2e-guest"],
];

export function chooseQuick(change: Change, files: readonly SourceFile[]): Choice {
  const { paths } = change;
  const known = files.map(({ path }) => path);
  const everything = paths.some((path) => FOUNDATIONS.test(path));
  const reached = everything ? new Set(known) : new ImportGraph(files).dependents(paths);
  const allUnit = known.filter((path) => UNIT_TEST.test(path));
  const unit = nearestFirst(allUnit, reached, paths);
  const runs = paths.some((path) => !PAGES.test(path));
  const names = [
    "lint",
    "format",
    "typecheck",
    ...(paths.some((path) => OPENAPI.test(path)) ? ["openapi"] : []),
  ];
  if (paths.some((path) => AGENT.test(path))) names.push("agent");
  if (paths.some((path) => PYTHON.test(path))) names.push("python");
  const chosen = [...names.map(stageNamed), only(stageNamed("unit"), unit)];
  return {
    stages: withImage(runs ? [...chosen, stageNamed("smoke")] : chosen),
    says: [
      `quick: ${counted(paths.length, "changed file")} against ${change.against}`,
      `  ${names.join(", ")}`,
      `  unit: ${unit.length} of ${counted(allUnit.length, "file")}, by ${everything ? "a change that everything stands on" : "import"}`,
      `  the nearest first; the end counts those for which there was no time: all of them are in ./test unit`,
      runs ? "  smoke: every verb once" : "  no VM: nothing that runs was changed",
      ...byHand(paths, known),
    ],
  };
}

/** What else tests the changed files, but takes longer. */
function byHand(paths: readonly string[], known: readonly string[]): readonly string[] {
  const folders = new Set(paths.map(folderOf).filter((folder) => folder.startsWith("packages/")));
  const vm = [...folders].filter((folder) =>
    known.some((path) => VM_TEST.test(path) && folderOf(path) === folder),
  );
  const tiers = new Set(
    TIERS.filter(([where]) => paths.some((path) => where.test(path))).map(([, tier]) => tier),
  );
  const tests = paths.filter((path) => /^e2e\/.*\.test\.ts$/.test(path) && known.includes(path));
  const commands = [
    ...(vm.length > 0 ? [`./test vm ${vm.join(" ")}`] : []),
    ...[...tiers].map((tier) => `./test ${tier}`),
    ...(tests.length > 0 ? [`./test e2e ${tests.join(" ")}`] : []),
  ];
  return commands.length === 0 ? [] : [`  by hand, as it takes longer: ${commands.join("; ")}`];
}

/** What judges the whole tree, what stands on the change, the nearest first, and at last what takes long, unless that was changed. */
function nearestFirst(
  tests: readonly string[],
  reached: ReadonlySet<string>,
  changed: readonly string[],
): readonly string[] {
  const known = new Set(tests);
  const found = [...reached].filter((path) => known.has(path));
  const isLong = (path: string): boolean => LONG_FILES.has(path) && !changed.includes(path);
  const short = found.filter((path) => !isLong(path));
  return [...new Set([...ALWAYS, ...short, ...found])];
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function only(stage: Stage, paths: readonly string[]): Stage {
  return {
    ...stage,
    command: [...stage.command, ...paths],
    order: paths,
    lastStartSec: QUICK_BUDGET_SEC - TIME_AFTER_UNIT_SEC,
  };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
