/** What a client asks for, whichever form it has it in, as the one specification that the rest works with. */
import { FlatSpecSchema, SandboxSpecSchema, type FlatSpec, type SandboxSpec } from "@fastvm/contract";
import { checkerOf } from "../../shared/validation.ts";
import { checkSecretValues } from "./interception.ts";
import { invalid } from "./invalid.ts";
import { fromSeedForm, isSeedForm } from "./seed-form.ts";

const checkNested = checkerOf(SandboxSpecSchema);
const checkFlat = checkerOf(FlatSpecSchema);

/** 1 to 128 bytes. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export function readSpec(body: Readonly<Record<string, unknown>>): SandboxSpec {
  const spec =
    typeof body["image"] === "string"
      ? fromFlat(checkFlat(body, ""))
      : checkNested(isSeedForm(body) ? fromSeedForm(body) : body, "");
  checkSecretValues(spec);
  assertName(spec.name, "name");
  return spec;
}

export function assertName(name: string, at: string): void {
  if (NAME.test(name)) return;
  throw invalid(at, "must have 1 to 128 letters, digits, `.`, `_` and `-`, the first a letter or digit");
}

function fromFlat(flat: FlatSpec): SandboxSpec {
  return {
    name: flat.name,
    image: { type: "oci", reference: flat.image },
    resources: given({ vcpus: flat.vcpus, memory_mib: flat.memory_mib }),
    runtime: given({
      workdir: flat.workdir,
      shell: flat.shell,
      entrypoint: flat.entrypoint,
      hostname: flat.hostname,
      user: flat.user,
      log_level: flat.log_level,
      scripts: flat.scripts,
    }),
    env: Object.entries(flat.env ?? {}).map(([key, value]) => ({ key, value })),
    lifecycle: given({
      // Of this generation alone: what nobody speaks of goes with its end.
      ephemeral: flat.ephemeral ?? true,
      max_duration_secs: flat.max_duration_secs,
      idle_timeout_secs: flat.idle_timeout_secs,
    }),
  };
}

type Given<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}
