/**
 * Steps of a definition as lines of a Dockerfile. What a client names stands in lists, never in a line for the shell, so that no name is
 * taken for a command or an option.
 */
import { FastvmError, type TemplateStep } from "@fastvm/contract";

const PATH = /^[\w./@+~-][\w./@+~-]*$/;
const PACKAGE = /^[A-Za-z0-9@][^\s\0]*$/;
const USER = /^[A-Za-z0-9_][\w.-]*$/;
const URL_OF_GIT = /^(?:https?|git|ssh):\/\/[^\s\0]+$/;
const BRANCH = /^\w[\w./-]*$/;

/** With the words behind it as its arguments. */
const APT =
  'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" && rm -rf /var/lib/apt/lists/*';

interface At {
  readonly step: TemplateStep;
  /** As errors name it. */
  readonly field: string;
}

type Render = (at: At) => string;

const LINES: Readonly<Record<TemplateStep["kind"], Render>> = {
  run: (at) => run(["/bin/sh", "-ec", text(at, "command")]),
  apt_install: (at) => run(["/bin/sh", "-ec", APT, "apt", ...packages(at)]),
  pip_install: (at) => run(["pip", "install", "--no-cache-dir", ...packages(at)]),
  npm_install: (at) => run(["npm", "install", "-g", ...packages(at)]),
  bun_install: (at) => run(["bun", "install", "-g", ...packages(at)]),
  copy: (at) => `COPY ${list([path(at, "source"), path(at, "destination")])}`,
  remove: (at) => run(["rm", "-rf", "--", path(at, "path")]),
  rename: (at) => run(["mv", "--", path(at, "source"), path(at, "destination")]),
  git_clone: (at) => {
    const branch = at.step.branch == null ? [] : ["--branch", checked(at, "branch", BRANCH)];
    return run([
      "git",
      "clone",
      "--depth",
      "1",
      ...branch,
      "--",
      checked(at, "url", URL_OF_GIT),
      path(at, "path"),
    ]);
  },
  workdir: (at) => `WORKDIR ${path(at, "path")}`,
  user: (at) => `USER ${checked(at, "name", USER)}`,
};

const TAKEN: Readonly<Record<TemplateStep["kind"], readonly (keyof TemplateStep)[]>> = {
  run: ["command"],
  apt_install: ["packages"],
  pip_install: ["packages"],
  npm_install: ["packages"],
  bun_install: ["packages"],
  copy: ["source", "destination"],
  remove: ["path"],
  rename: ["source", "destination"],
  git_clone: ["url", "path", "branch"],
  workdir: ["path"],
  user: ["name"],
};

export function lineOf(step: TemplateStep, field: string): string {
  const { kind, ...given } = step;
  const other = Object.entries(given).find(
    ([name, value]) => value !== null && value !== undefined && !TAKEN[kind].some((each) => each === name),
  );
  if (other !== undefined) throw invalid(`${field}.${other[0]}`, `is nothing that ${kind} takes`);
  return LINES[kind]({ step, field });
}

function run(words: readonly string[]): string {
  return `RUN ${list(words)}`;
}

/** JSON, without what begins a document within a line. */
function list(words: readonly string[]): string {
  return JSON.stringify(words).replaceAll("<", String.raw`\u003c`);
}

function packages({ step, field }: At): readonly string[] {
  const given = step.packages ?? [];
  if (given.length === 0) throw invalid(`${field}.packages`, `is what ${step.kind} needs`);
  const wrong = given.findIndex((name) => !PACKAGE.test(name));
  if (wrong >= 0)
    throw invalid(`${field}.packages[${wrong}]`, "must begin with a letter, a digit or @, without spaces");
  return given;
}

function path(at: At, name: "path" | "source" | "destination"): string {
  const given = checked(at, name, PATH);
  if (!given.startsWith("-")) return given;
  throw invalid(`${at.field}.${name}`, "must not begin with a dash");
}

function checked(
  at: At,
  name: "path" | "source" | "destination" | "url" | "branch" | "name",
  form: RegExp,
): string {
  const given = text(at, name);
  if (form.test(given)) return given;
  throw invalid(`${at.field}.${name}`, "has characters that it may not have");
}

function text({ step, field }: At, name: Exclude<keyof TemplateStep, "kind" | "packages">): string {
  const given = step[name];
  if (typeof given === "string" && given !== "" && !given.includes("\0")) return given;
  throw invalid(`${field}.${name}`, `is what ${step.kind} needs`);
}

function invalid(field: string, rule: string): FastvmError {
  return new FastvmError("invalid_request", `${field} ${rule}`, { field });
}
