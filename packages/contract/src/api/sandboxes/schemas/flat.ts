/** What a sandbox is to be, as clients of the flat generation say it, and as their answers show it. */
import { Type, type Static } from "typebox";
import { CLOSED, count, maybe, oneOf, seconds, strings } from "./parts.ts";

const text = (description: string) => Type.String({ maxLength: 4096, description });

export const FlatSpecSchema = Type.Object(
  {
    name: Type.String(),
    image: Type.String({ minLength: 1, maxLength: 512, description: "An image's reference." }),
    vcpus: Type.Optional(Type.Integer({ minimum: 1, maximum: 64, description: "Default 1." })),
    memory_mib: Type.Optional(count("Default 512.", 1)),
    env: Type.Optional(strings("Of every command.")),
    ephemeral: Type.Optional(Type.Boolean({ description: "Default true." })),
    workdir: maybe(text("")),
    shell: maybe(text("")),
    entrypoint: maybe(Type.Array(Type.String())),
    hostname: maybe(Type.String({ maxLength: 64 })),
    user: maybe(text("")),
    log_level: maybe(oneOf(["error", "warn", "info", "debug", "trace"])),
    scripts: Type.Optional(strings("")),
    max_duration_secs: maybe(seconds("")),
    idle_timeout_secs: maybe(seconds("")),
  },
  { ...CLOSED, title: "CloudCreateSandboxRequest" },
);
export type FlatSpec = Static<typeof FlatSpecSchema>;
