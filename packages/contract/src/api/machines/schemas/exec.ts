/** Commands: those that are waited for, and processes in the background. */
import { Type, type Static } from "typebox";
import { MAX_COMMAND_ARGS, MAX_TIMEOUT_SEC } from "../../../limits.ts";
import { CLOSED, maybe, orNull, strings } from "./parts.ts";

export const MachineExecBodySchema = Type.Object(
  {
    command: Type.String({ minLength: 1, description: "A program, or with `shell` a line for the shell." }),
    args: maybe(
      Type.Array(Type.String(), {
        maxItems: MAX_COMMAND_ARGS,
        description: "Of the program; not with `shell`.",
      }),
    ),
    shell: maybe(Type.Boolean({ description: "Default false." })),
    timeout_secs: maybe(
      Type.Integer({
        minimum: 1,
        maximum: MAX_TIMEOUT_SEC,
        description: "After it the command is killed; default: never.",
      }),
    ),
    cwd: maybe(Type.String({ minLength: 1, description: "Absolute, and there. Default: the machine's." })),
    envs: maybe(strings("Added to the machine's for this command.")),
    background: maybe(
      Type.Boolean({ description: "Answered when it runs: it goes on by itself. Default false." }),
    ),
  },
  { ...CLOSED, title: "ExecBody" },
);
export type MachineExecBody = Static<typeof MachineExecBodySchema>;

export const MachineExecResultSchema = Type.Object(
  {
    exit_code: orNull(
      Type.Integer({ description: "Any is a result; null of one that goes on in the background." }),
    ),
    stdout: Type.String({ description: "Bytes that are not UTF-8 are replaced by U+FFFD." }),
    stderr: Type.String(),
    pid: orNull(Type.Integer({ description: "Of one in the background." })),
    truncated: Type.Boolean({ description: "More than 4 MiB came of one of them; the rest was dropped." }),
  },
  { title: "ExecResult" },
);
export type MachineExecResult = Static<typeof MachineExecResultSchema>;

const ProcessSchema = Type.Object(
  {
    pid: Type.Integer(),
    command: Type.String({ description: "As it was asked for, its parts separated by spaces." }),
    running: Type.Boolean(),
  },
  { title: "Process" },
);

export const ProcessListSchema = Type.Object(
  { processes: Type.Array(ProcessSchema) },
  { title: "ProcessList" },
);

export const ProcessLogsSchema = Type.Object(
  {
    stdout: Type.String(),
    stderr: Type.String(),
    output: Type.String({ description: "Both, as they came." }),
    exit_code: orNull(Type.Integer({ description: "null while it runs." })),
    lost_bytes: Type.Integer({ description: "Of the beginning, of which only so much is kept." }),
  },
  { title: "ProcessLogs" },
);

export const StdinBodySchema = Type.Object(
  {
    data: Type.String({ description: "Text." }),
    close: maybe(Type.Boolean({ description: "Whether stdin ends behind it. Default false." })),
  },
  { ...CLOSED, title: "StdinBody" },
);

export const StdinResultSchema = Type.Object({ bytes_sent: Type.Integer() }, { title: "StdinResult" });

export const KilledSchema = Type.Object(
  { killed: Type.Boolean({ description: "Whether it ran." }) },
  { title: "Killed" },
);
