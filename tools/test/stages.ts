/** The stages of ./test, in the order in which they run: what is quick and says most comes first. */
import type { RunOrder } from "./run-order.ts";

export interface Stage extends RunOrder {
  readonly name: string;
  readonly command: readonly string[];
  /** How the stage's tests are counted; a plain stage is one test, passed when it exits with 0. */
  readonly counts: "plain" | "vitest" | "printed";
  readonly needsPostgres: boolean;
  /** Stages that follow each other with the same word here run side by side, as many at once as STAGES_AT_ONCE says. */
  readonly beside?: string;
  /** What two cores without hardware virtualization may take, about half as much again as they do. */
  readonly budgetSec: number;
  /** What a single file may take; absent where any may take long. */
  readonly fileBudgetSec?: number;
}

/** One file by itself. A longer one is two, or belongs to the soak. */
const FILE_BUDGET_SEC = 60;
/** They take the processors from each other, and not every machine is as quick as the one that a file was measured on. */
const TWO_AT_ONCE = 2;
const THREE_AT_ONCE = 3;
/** All stages together: 45 minutes on two cores that do nothing else, 38 when last measured; never more than this. */
export const TOTAL_BUDGET_SEC = 75 * 60;

/** Files over the limit for a reason of their own, the longest first: in this order they begin. */
export const LONG_FILES: ReadonlyMap<string, string> = new Map([
  ["packages/worker/src/builds/run-build.vm.test.ts", "an emulated guest builds images"],
  ["e2e/guest/containers.test.ts", "an emulated guest installs a container engine"],
  ["e2e/guest/programs.test.ts", "four programs are installed, and an emulated guest runs them"],
  ["e2e/own/docs.test.ts", "every command of every page, in turn, as its readers type them"],
  ["e2e/guest/any-image.test.ts", "an emulated VM unpacks four images, and each of them boots"],
  [
    "packages/control-plane/src/engine/reconcile/failing-database.test.ts",
    "two databases fail at each of a thousand places",
  ],
  ["e2e/own/builds.test.ts", "an emulated VM builds an image, another boots it for the first time"],
  ["e2e/shared/long-calls.test.ts", "a call that takes 90 s is what it is about"],
  ["e2e/own/upgrade.test.ts", "two packages are laid out, and a template of the older one boots"],
  ["e2e/network/builds.test.ts", "three emulated VMs build at once, each by another policy"],
  ["e2e/network/interception-lives.test.ts", "three emulated VMs send without end while all else goes"],
  ["e2e/own/backup.test.ts", "copies of a whole base image, each synced, digested and unpacked"],
  ["e2e/own/builds-killed.test.ts", "an emulated VM builds up to each step at which a daemon ends"],
  ["e2e/own/images.test.ts", "an emulated VM unpacks an image, another boots it for the first time"],
]);

/** The parser has survived hours of fuzzing; this keeps it from going back on what it can do. */
const FUZZ_SECONDS = 10;
/** What the compiler knows from the last time: a second look takes it two seconds. */
const TYPES = ".fastvm/types.tsbuildinfo";
const ROUNDS = "soak";
const CUTS = "power";
const POOLS = "pools";
const PYTHON = "python";
const PYTHON_VM = "python-vm";
/** What they run takes arguments of its own. */
const TAKE_ARGUMENTS: ReadonlySet<string> = new Set([PYTHON, PYTHON_VM, ROUNDS, CUTS, POOLS]);
/** None needs a VM. The unit tests wait for a quarter of their time, and each of the others keeps one processor busy at most. */
const NO_VM = "no VM";
/** Each has one daemon at a time, and counts what is that daemon's alone. The rounds of the soak wait for four fifths of their time. */
const ONE_DAEMON = "one daemon";
/** e2e-guest is not among them: its guests of two processors each took twice the time beside a third load, and so did that. */
export const STAGES_AT_ONCE: ReadonlyMap<string, number> = new Map([
  [NO_VM, 2],
  [ONE_DAEMON, 3],
]);
/** They start VMs. */
const NEED_IMAGE = /^(vm|smoke|e2e.*|python-vm|soak|power|pools)$/;

export const STAGES: readonly Stage[] = [
  // What ./fastvm is from then on, as after ./quickstart, and what tests start: it starts in half the time.
  plain("product", 120, "packaging/for-clone"),
  // The longest is first, so that all the others run beside it.
  { ...filesSideBySide("unit", 1020, THREE_AT_ONCE), beside: NO_VM },
  { ...pytest(PYTHON, 240, "sdk-python/tests/unit"), beside: NO_VM },
  { ...plain("lint", 180, "node_modules/.bin/oxlint", "--type-aware"), beside: NO_VM },
  { ...plain("format", 120, "node_modules/.bin/oxfmt", "--check"), beside: NO_VM },
  {
    ...plain(
      "typecheck",
      180,
      "node_modules/.bin/tsc",
      "--noEmit",
      "--incremental",
      "--tsBuildInfoFile",
      TYPES,
    ),
    beside: NO_VM,
  },
  {
    ...plain(
      "openapi",
      60,
      "env",
      // It says nothing to its makers about us.
      "REDOCLY_TELEMETRY=off",
      "REDOCLY_SUPPRESS_UPDATE_NOTICE=true",
      "node_modules/.bin/redocly",
      "lint",
      "--config=packages/contract/redocly.yaml",
      "packages/contract/src/api/fastvm/openapi.json",
      "packages/contract/src/api/machines/openapi.json",
    ),
    beside: NO_VM,
  },
  { ...plain("agent", 120, "make", "-C", "guest/agent", "test"), counts: "printed", beside: NO_VM },
  { ...plain("fuzz", 60, "make", "-C", "guest/agent", "fuzz", `SECONDS=${FUZZ_SECONDS}`), beside: NO_VM },
  {
    ...plain("volume", 60, "make", "-C", "packages/worker/native", "test"),
    counts: "printed",
    beside: NO_VM,
  },
  {
    ...plain("fuzz-volume", 60, "make", "-C", "packages/worker/native", "fuzz", `SECONDS=${FUZZ_SECONDS}`),
    beside: NO_VM,
  },
  // Without its root file system at hand it is made from packages.
  plain("image", 420, "guest/image/build.sh"),
  { ...vitest("smoke", 120), fileBudgetSec: FILE_BUDGET_SEC },
  filesSideBySide("vm", 780, THREE_AT_ONCE),
  filesSideBySide("e2e-shared", 540, THREE_AT_ONCE),
  filesSideBySide("e2e-own", 1200, THREE_AT_ONCE),
  filesSideBySide("e2e-network", 540, THREE_AT_ONCE),
  filesSideBySide("e2e-guest", 1200, TWO_AT_ONCE),
  { ...vitest("e2e-soak", 900), beside: ONE_DAEMON },
  { ...pytest(PYTHON_VM, 600, "sdk-python/tests/daemon"), beside: ONE_DAEMON },
  { ...rounds(360), beside: ONE_DAEMON },
  { ...cuts(180), beside: ONE_DAEMON },
];

/** What everything has a part of, by path or by the count, for one who wants few or many of them. */
const BY_PATH: readonly Stage[] = [
  vitest("e2e", TOTAL_BUDGET_SEC),
  seeded(POOLS, "e2e/pools/main.ts", TOTAL_BUDGET_SEC),
];

/** The stages that the command line asks for: all, or one with arguments for vitest. Throws on a name there is not. */
export function selectStages(args: readonly string[]): readonly Stage[] {
  const [name, ...rest] = args;
  if (name === undefined) return STAGES;
  const stage = [...STAGES, ...BY_PATH].find((candidate) => candidate.name === name);
  if (stage === undefined) throw new Error(`there is no stage "${name}"; ${usage()}`);
  if (rest.length > 0 && !takesArguments(stage)) throw new Error(`the stage ${name} takes no arguments`);
  return withImage([{ ...stage, command: [...stage.command, ...rest] }]);
}

/** With the building of the image in front of the first that needs it. */
export function withImage(stages: readonly Stage[]): readonly Stage[] {
  const first = stages.findIndex(({ name }) => NEED_IMAGE.test(name));
  if (first < 0 || stages.some(({ name }) => name === "image")) return stages;
  return stages.toSpliced(first, 0, stageNamed("image"));
}

export function stageNamed(name: string): Stage {
  const stage = STAGES.find((candidate) => candidate.name === name);
  if (stage === undefined) throw new Error(`there is no stage "${name}"`);
  return stage;
}

/** One after the other, or several that run side by side. */
export function inGroups(stages: readonly Stage[]): readonly (readonly Stage[])[] {
  const groups: Stage[][] = [];
  for (const stage of stages) {
    const last = groups.at(-1);
    if (last !== undefined && stage.beside !== undefined && last[0]?.beside === stage.beside)
      last.push(stage);
    else groups.push([stage]);
  }
  return groups;
}

function takesArguments({ name, counts }: Stage): boolean {
  return counts === "vitest" || TAKE_ARGUMENTS.has(name);
}

export function usage(): string {
  const names = STAGES.map((stage) => stage.name).join(", ");
  return (
    "usage: ./test [--no-budgets]                  everything\n" +
    "       ./test quick [--no-budgets]            what the change asks for, in three minutes\n" +
    "       ./test quick [--say] [--as-if FILE...] the same of changed files that you name; or only says what it is\n" +
    "       ./test STAGE [ARGUMENTS for vitest, pytest, the soak, the power cuts or the pools]\n" +
    `stages: ${names}; e2e is all of its tiers, by path; pools is of its own`
  );
}

function plain(name: string, budgetSec: number, ...command: readonly string[]): Stage {
  return { name, command, counts: "plain", needsPostgres: false, budgetSec };
}

/** Debian's Python: its packages are what the SDK is tested with. Nothing is written beside the sources. */
function pytest(name: string, budgetSec: number, folder: string): Stage {
  const command = ["env", "PYTHONDONTWRITEBYTECODE=1", "/usr/bin/python3", "-m", "pytest", "-q"];
  return {
    name,
    command: [...command, "-p", "no:cacheprovider", folder],
    counts: "printed",
    needsPostgres: false,
    budgetSec,
  };
}

/** Twelve rounds, or two minutes, of daemons and QEMUs that end anywhere; with arguments as many as are asked for. */
function rounds(budgetSec: number): Stage {
  return seeded(ROUNDS, "e2e/soak/main.ts", budgetSec);
}

function cuts(budgetSec: number): Stage {
  return seeded(CUTS, "e2e/power/main.ts", budgetSec);
}

function seeded(name: string, file: string, budgetSec: number): Stage {
  const program = [
    "node",
    "--conditions=development",
    "--disable-warning=ExperimentalWarning",
    file,
    // The same choices in each run of everything, so that a change is judged by itself; --seed N behind it makes others.
    ...["--seed", "7"],
  ];
  return { name, command: program, counts: "printed", needsPostgres: false, budgetSec };
}

/** As vitest's configuration says how many. */
function filesSideBySide(project: string, budgetSec: number, atOnce: number): Stage {
  return { ...vitest(project, budgetSec), fileBudgetSec: FILE_BUDGET_SEC * atOnce };
}

function vitest(project: string, budgetSec: number): Stage {
  const command = ["node_modules/.bin/vitest", "run", "--project", project];
  return { name: project, command, counts: "vitest", needsPostgres: true, budgetSec };
}
