/** The stages of ./test, in the order in which they run: what is quick and says most comes first. */

export interface Stage {
  readonly name: string;
  readonly command: readonly string[];
  /** How the stage's tests are counted; a plain stage is one test, passed when it exits with 0. */
  readonly counts: "plain" | "vitest" | "printed";
  readonly needsPostgres: boolean;
}

/** The parser has survived hours of fuzzing; this keeps it from going back on what it can do. */
const FUZZ_SECONDS = 10;
const SOAK = "soak";
const PYTHON = "python";
const PYTHON_VM = "python-vm";
/** They start VMs. */
const NEED_IMAGE: ReadonlySet<string> = new Set(["vm", "e2e", PYTHON_VM, SOAK]);
/** What they run takes arguments of its own. */
const TAKE_ARGUMENTS: ReadonlySet<string> = new Set([PYTHON, PYTHON_VM, SOAK]);

export const STAGES: readonly Stage[] = [
  plain("lint", "node_modules/.bin/oxlint", "--type-aware"),
  plain("format", "node_modules/.bin/oxfmt", "--check"),
  plain("typecheck", "node_modules/.bin/tsc", "--noEmit"),
  plain(
    "openapi",
    "env",
    // It says nothing to its makers about us.
    "REDOCLY_TELEMETRY=off",
    "REDOCLY_SUPPRESS_UPDATE_NOTICE=true",
    "node_modules/.bin/redocly",
    "lint",
    "--config=packages/contract/redocly.yaml",
    "packages/contract/src/api/fastvm/openapi.json",
  ),
  { ...plain("agent", "make", "-C", "guest/agent", "test"), counts: "printed" },
  plain("fuzz", "make", "-C", "guest/agent", "fuzz", `SECONDS=${FUZZ_SECONDS}`),
  vitest("unit"),
  pytest(PYTHON, "sdk-python/tests/unit"),
  plain("image", "guest/image/build.sh"),
  vitest("vm"),
  vitest("e2e"),
  pytest(PYTHON_VM, "sdk-python/tests/daemon"),
  soak(),
];

/** The stages that the command line asks for: all, or one with arguments for vitest. Throws on a name there is not. */
export function selectStages(args: readonly string[]): readonly Stage[] {
  const [name, ...rest] = args;
  if (name === undefined) return STAGES;
  const stage = STAGES.find((candidate) => candidate.name === name);
  if (stage === undefined) throw new Error(`there is no stage "${name}"; ${usage()}`);
  if (rest.length > 0 && !takesArguments(stage)) throw new Error(`the stage ${name} takes no arguments`);
  const chosen = { ...stage, command: [...stage.command, ...rest] };
  const image = STAGES.filter((candidate) => candidate.name === "image");
  return NEED_IMAGE.has(name) ? [...image, chosen] : [chosen];
}

function takesArguments({ name, counts }: Stage): boolean {
  return counts === "vitest" || TAKE_ARGUMENTS.has(name);
}

export function usage(): string {
  const names = STAGES.map((stage) => stage.name).join(", ");
  return `usage: ./test [STAGE [ARGUMENTS for vitest, pytest or the soak]]; stages: ${names}`;
}

function plain(name: string, ...command: readonly string[]): Stage {
  return { name, command, counts: "plain", needsPostgres: false };
}

/** Debian's Python: its packages are what the SDK is tested with. Nothing is written beside the sources. */
function pytest(name: string, folder: string): Stage {
  const command = ["env", "PYTHONDONTWRITEBYTECODE=1", "/usr/bin/python3", "-m", "pytest", "-q"];
  return {
    name,
    command: [...command, "-p", "no:cacheprovider", folder],
    counts: "printed",
    needsPostgres: false,
  };
}

/** Thirty rounds, or three minutes, of daemons and QEMUs that end anywhere; with arguments as many as are asked for. */
function soak(): Stage {
  const program = [
    "node",
    "--conditions=development",
    "--disable-warning=ExperimentalWarning",
    "e2e/soak/main.ts",
    // The same choices in each run of everything, so that a change is judged by itself; --seed N behind it makes others.
    ...["--seed", "7"],
  ];
  return { name: SOAK, command: program, counts: "printed", needsPostgres: false };
}

function vitest(project: string): Stage {
  const command = ["node_modules/.bin/vitest", "run", "--project", project];
  return { name: project, command, counts: "vitest", needsPostgres: true };
}
