/** Commands in the background: what starts one, what is told of it, its output. */
import { Type, type Static } from "typebox";
import { MAX_KEEP_OUTPUT_BYTES, MAX_WAIT_SEC, MIN_KEEP_OUTPUT_BYTES } from "../../../limits.ts";
import { ErrorCodeSchema } from "./error-body.ts";
import { ExecBodySchema } from "./exec.ts";
import { nullable } from "./nullable.ts";
import { guards } from "./strict.ts";

const MAX_TERMINAL_SIZE = 4096;
const size = () => Type.Integer({ minimum: 1, maximum: MAX_TERMINAL_SIZE });

const TerminalSizeSchema = Type.Object({ cols: size(), rows: size() });

const { command, timeoutSec, env, cwd, user } = ExecBodySchema.properties;

export const StartExecBodySchema = Type.Object(
  {
    command,
    timeoutSec,
    env,
    cwd,
    user,
    pty: Type.Optional(
      nullable({
        ...TerminalSizeSchema,
        description: "A terminal of this size: stdin is open, stderr arrives as stdout.",
      }),
    ),
    keepStdin: Type.Optional(
      nullable(
        Type.Boolean({ description: "Whether stdin stays open to be written to. Default: it is empty." }),
      ),
    ),
    keepOutputBytes: Type.Optional(
      nullable(
        Type.Integer({
          minimum: MIN_KEEP_OUTPUT_BYTES,
          maximum: MAX_KEEP_OUTPUT_BYTES,
          description: "How much of its newest output is kept; taken as a power of two. Default 1 MiB.",
        }),
      ),
    ),
  },
  { ...guards("timeoutSec", "user"), title: "StartExecBody" },
);
export type StartExecBody = Static<typeof StartExecBodySchema>;

export const BackgroundExecSchema = Type.Object(
  {
    id: Type.String({ description: "UUID. The same in the forks and snapshots of its VM." }),
    vmId: Type.String(),
    pid: Type.Integer({ description: "In the guest; 0 when it could not start." }),
    command: Type.Array(Type.String(), { description: "Of one over 8 KiB the arguments in front." }),
    commandTruncated: Type.Boolean(),
    cwd: Type.Optional(Type.String({ description: "As it was asked for." })),
    user: Type.Optional(Type.String({ description: "As it was asked for." })),
    pty: Type.Optional(TerminalSizeSchema),
    stdinOpen: Type.Boolean({ description: "Whether it can be written to." }),
    status: Type.Unsafe<"running" | "exited">({ type: "string", enum: ["running", "exited"] }),
    exitCode: Type.Optional(
      Type.Integer({
        description:
          "128 + n when signal n ended it, 124 when its time ran out, 126 or 127 when it could not start.",
      }),
    ),
    timedOut: Type.Boolean(),
    durationMs: Type.Optional(Type.Integer()),
    startedAt: Type.String({ format: "date-time", description: "By the guest's clock." }),
    firstOffset: Type.Integer({ description: "Of the first byte of output that is kept." }),
    endOffset: Type.Integer({ description: "How many bytes it has written: stdout and stderr together." }),
    restoredOffset: Type.Integer({
      description:
        "Where its output was when this VM was last restored: resumed, launched from a snapshot, or born as a fork. " +
        "What follows is this VM's own.",
    }),
    restores: Type.Integer({ description: "How many restores it has lived through." }),
  },
  { title: "BackgroundExec" },
);
export type BackgroundExec = Static<typeof BackgroundExecSchema>;

export const WaitQuerySchema = Type.Object({
  waitSec: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: MAX_WAIT_SEC,
      description: "Answers when it has ended, or after so long. Default 0: at once.",
    }),
  ),
});

export const OutputQuerySchema = Type.Object({
  offset: Type.Optional(
    Type.Integer({
      minimum: 0,
      description: "Of the first byte that is asked for. Beyond the end: from now on. Default 0.",
    }),
  ),
});

export const ExecOutputSchema = Type.Object(
  {
    stdout: Type.String({ description: "Bytes that are not UTF-8 are replaced by U+FFFD." }),
    stderr: Type.String(),
    lostBytes: Type.Integer({ description: "How many after `offset` were not kept." }),
    nextOffset: Type.Integer({ description: "Where the next question goes on." }),
    exitCode: Type.Optional(Type.Integer({ description: "When it has ended." })),
  },
  { title: "ExecOutput" },
);
export type ExecOutput = Static<typeof ExecOutputSchema>;

export const ExecOutputEventSchema = Type.Object(
  {
    t: Type.Unsafe<"a" | "o" | "e" | "x">({
      type: "string",
      enum: ["a", "o", "e", "x"],
      description: "A place, stdout, stderr, exit.",
    }),
    at: Type.Optional(Type.Integer({ description: "a: the offset of the next byte." })),
    lost: Type.Optional(
      Type.Integer({ description: "a: how many bytes before it were lost; omitted when 0." }),
    ),
    d: Type.Optional(Type.String({ description: "o, e: base64 of raw bytes. x: why it was lost." })),
    c: Type.Optional(Type.Integer({ description: "x: exit code; omitted when 0." })),
    to: Type.Optional(Type.Literal(true, { description: "x: its time ran out; omitted when it did not." })),
    ms: Type.Optional(Type.Integer({ description: "x: duration." })),
    code: Type.Optional(ErrorCodeSchema),
  },
  {
    title: "ExecOutputEvent",
    description:
      "The first one is an a, and another comes whenever output was lost. The last one is an x. With `code`, an error's, the reader was " +
      "cut off and `d` says why: the command may go on, and its output with it.",
  },
);
export type ExecOutputEvent = Static<typeof ExecOutputEventSchema>;

export const WriteStdinBodySchema = Type.Object(
  {
    data: Type.Optional(nullable(Type.String({ description: "Base64." }))),
    close: Type.Optional(
      nullable(
        Type.Boolean({ description: "Close stdin behind it; on a terminal, type its end. Default false." }),
      ),
    ),
  },
  { title: "WriteStdinBody" },
);

export const SignalExecBodySchema = Type.Object(
  {
    signal: Type.Optional(
      nullable(Type.String({ description: "A name, as `SIGINT` or `INT`, or a number. Default `SIGTERM`." })),
    ),
  },
  { ...guards("signal"), title: "SignalExecBody" },
);

export const SignalledSchema = Type.Object(
  { signalled: Type.Boolean({ description: "False when it had ended." }) },
  { title: "Signalled" },
);

export const ResizeExecBodySchema = Type.Object({ cols: size(), rows: size() }, { title: "ResizeExecBody" });
