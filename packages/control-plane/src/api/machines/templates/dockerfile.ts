/** A definition as a Dockerfile, and what is given beside it. */
import { FastvmError, parseReference, type TemplateDefinition } from "@fastvm/contract";
import { lineOf } from "./step-lines.ts";

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MAX_VARIABLES = 200;
const MAX_VALUE_LENGTH = 32_768;

type Strings = Readonly<Record<string, string>>;

export interface Planned {
  readonly dockerfile: string;
  /** Values of its `ARG`s. */
  readonly args: Strings;
  readonly needsContext: boolean;
}

/** `base`: what the image of `base_template` is called here. */
export function planOf(definition: TemplateDefinition, base: string | undefined): Planned {
  const { steps = [], build_envs, runtime_envs } = definition;
  const args = variables(build_envs ?? {}, "definition.build_envs");
  const kept = variables(runtime_envs ?? {}, "definition.runtime_envs");
  const lines = [
    beginningOf(definition, base),
    ...Object.keys(args).map((name) => `ARG ${name}`),
    ...Object.entries(kept).map(
      ([name, value]) => `ENV ${name}=${quoted(value, `definition.runtime_envs.${name}`)}`,
    ),
    ...steps.map((step, index) => lineOf(step, `definition.steps[${index}]`)),
  ];
  const copies = steps.some(({ kind }) => kind === "copy");
  const { dockerfile } = definition;
  const needsContext = copies || /^\s*(?:COPY|ADD)\s+(?!--from)/im.test(dockerfile ?? "");
  return { dockerfile: `${lines.join("\n")}\n`, args, needsContext };
}

function beginningOf(
  { base_image, base_template, dockerfile }: TemplateDefinition,
  base: string | undefined,
): string {
  const given = [base_image, base_template, dockerfile].filter((each) => each !== null && each !== undefined);
  if (given.length !== 1)
    throw invalid(
      "definition",
      "needs one of base_image, base_template and dockerfile, and no other of them",
    );
  if (typeof dockerfile === "string") {
    if (dockerfile.includes("\0")) throw invalid("definition.dockerfile", "has a NUL");
    return dockerfile.trimEnd();
  }
  if (typeof base_image === "string") {
    parseReference(base_image);
    return `FROM ${base_image}`;
  }
  if (base === undefined)
    throw new FastvmError("not_found", "base_template is no template", { field: "template" });
  return `FROM ${base}`;
}

function variables(given: Strings, field: string): Strings {
  const entries = Object.entries(given);
  if (entries.length > MAX_VARIABLES) throw invalid(field, `has more than ${MAX_VARIABLES} variables`);
  for (const [name, value] of entries) {
    if (!VARIABLE.test(name)) throw invalid(field, "must have names of letters, digits and `_`");
    if (value.length > MAX_VALUE_LENGTH || value.includes("\0"))
      throw invalid(field, "has a value that is too long or has a NUL");
  }
  return given;
}

/** A line of a Dockerfile is one line, and `$` in it is a variable. */
function quoted(value: string, field: string): string {
  if (/[\r\n]/.test(value)) throw invalid(field, "must be one line");
  return `"${value.replaceAll(/["\\$]/g, String.raw`\$&`)}"`;
}

function invalid(field: string, rule: string): FastvmError {
  return new FastvmError("invalid_request", `${field} ${rule}`, { field });
}
