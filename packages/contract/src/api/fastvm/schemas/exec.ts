/** Commands: the request, the buffered answer and the streamed one. */
import { Type, type Static } from "typebox";
import { MAX_COMMAND_ARGS, MAX_TIMEOUT_SEC } from "../../../limits.ts";
import { ErrorCodeSchema } from "./error-body.ts";
import { nullable } from "./nullable.ts";
import { guards } from "./strict.ts";
import { stringMap } from "./string-map.ts";

export const ExecBodySchema = Type.Object(
  {
    command: Type.Array(Type.String(), {
      minItems: 1,
      maxItems: MAX_COMMAND_ARGS,
      description: "argv, without a shell; the first element is looked up in PATH and must not be empty.",
    }),
    timeoutSec: Type.Optional(
      nullable(
        Type.Integer({
          minimum: 1,
          maximum: MAX_TIMEOUT_SEC,
          description: "Default: none; the command lives as long as its connection.",
        }),
      ),
    ),
    stdin: Type.Optional(
      nullable(Type.String({ description: "Base64; written, then closed. Default: empty." })),
    ),
    env: Type.Optional(nullable(stringMap("Added to the VM's environment for this command."))),
    cwd: Type.Optional(nullable(Type.String({ minLength: 1, description: "Default `/root`." }))),
    user: Type.Optional(
      nullable(Type.String({ minLength: 1, description: "Name or number; default root." })),
    ),
  },
  { ...guards("timeoutSec", "user"), title: "ExecBody" },
);
export type ExecBody = Static<typeof ExecBodySchema>;

export const ExecResultSchema = Type.Object(
  {
    exitCode: Type.Integer({
      description:
        "128 + n when signal n ended it, 124 when its time ran out, 126 or 127 when it could not start.",
    }),
    stdout: Type.String({ description: "Bytes that are not UTF-8 are replaced by U+FFFD." }),
    stderr: Type.String(),
    timedOut: Type.Boolean(),
    stdoutTruncated: Type.Boolean({ description: "More than 4 MiB came; the rest was dropped." }),
    stderrTruncated: Type.Boolean(),
    durationMs: Type.Integer(),
    error: Type.Optional(
      Type.String({
        description:
          "Only when the command was lost after the headers were sent: why. `exitCode` is then 255 and what it had written is gone.",
      }),
    ),
    code: Type.Optional(ErrorCodeSchema),
  },
  { title: "ExecResult", description: "`code` is `error`'s, and only with it." },
);
export type ExecResult = Static<typeof ExecResultSchema>;

export const ExecStreamEventSchema = Type.Object(
  {
    t: Type.Unsafe<"o" | "e" | "x">({
      type: "string",
      enum: ["o", "e", "x"],
      description: "stdout, stderr, exit.",
    }),
    d: Type.Optional(Type.String({ description: "o, e: base64 of raw bytes. x: why it could not start." })),
    c: Type.Optional(Type.Integer({ description: "x: exit code; omitted when 0." })),
    to: Type.Optional(Type.Literal(true, { description: "x: its time ran out; omitted when it did not." })),
    ms: Type.Optional(Type.Integer({ description: "x: duration." })),
    code: Type.Optional(ErrorCodeSchema),
  },
  {
    title: "ExecStreamEvent",
    description:
      "The last one is an x. With `code`, an error's, the command was lost: `c` is then 255, `d` says why.",
  },
);
export type ExecStreamEvent = Static<typeof ExecStreamEventSchema>;
