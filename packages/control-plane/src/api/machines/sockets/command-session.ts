/** A command or a terminal of a machine at a socket: what it writes, from any offset on, and what it is told. */
import { constants } from "node:os";
import {
  FastvmError,
  SOCKET_INPUTS,
  type ExecConnect,
  type ExecStart,
  type ExecState,
  type PtyConnect,
  type PtyCreate,
  type SocketInput,
  type VmId,
} from "@fastvm/contract";
import type { VmRecord } from "../../../engine/engine.ts";
import { execSpecOf } from "../exec/exec-spec.ts";
import type { MachinesScope } from "../machines-scope.ts";
import { checkersOf, parse, type Inbox } from "./inbox.ts";
import { execIdOf, sessionId } from "./session-id.ts";
import { send, type Connected } from "../../shared/serve-socket.ts";
import { errorMessage } from "./serve-socket.ts";

type Engine = MachinesScope["engine"];

interface Session {
  readonly vmId: VmId;
  readonly exec: ExecState;
  readonly isTerminal: boolean;
  /** From where on its output is told. */
  readonly offset: number;
}

/** A login shell, as good as the image has one. */
const SHELL = ["/bin/sh", "-c", "command -v bash >/dev/null 2>&1 && exec bash -l; exec sh -l"];
const TERM = "xterm-256color";
/** A message's share of output, which base64 makes a third longer. */
const MAX_DATA_BYTES = 256 * 1024;

export async function beginCommand(
  { execs }: Engine,
  vm: VmRecord,
  beginning: ExecStart | ExecConnect | PtyCreate | PtyConnect,
  signal: AbortSignal,
): Promise<Session> {
  const vmId = vm.id;
  switch (beginning.type) {
    case "exec_start": {
      const { type: _type, ...body } = beginning;
      const exec = await execs.spawn(vmId, { ...execSpecOf(vm, body), stdin: "open" }, { signal });
      return { vmId, exec, isTerminal: false, offset: 0 };
    }
    case "pty_create": {
      const { type: _type, cols, rows, command, ...rest } = beginning;
      const isShell = command === undefined || command === null;
      const { stdin: _stdin, ...spec } = execSpecOf(vm, { ...rest, command: command ?? "sh" });
      const line = { ...spec, command: isShell ? SHELL : spec.command, env: { TERM, ...spec.env } };
      const exec = await execs.spawn(vmId, { ...line, pty: { cols, rows } }, { signal });
      return { vmId, exec, isTerminal: true, offset: 0 };
    }
    case "exec_connect":
    case "pty_connect": {
      const isTerminal = beginning.type === "pty_connect";
      const all = await execs.list(vmId, { signal });
      // The newest of a number, as numbers come again.
      const exec = all.findLast(
        (each) => (each.pty !== undefined) === isTerminal && isNamed(each, beginning),
      );
      if (exec === undefined)
        throw new FastvmError("not_found", `there is no such ${isTerminal ? "session" : "process"}`, {
          field: "pid",
        });
      return { vmId, exec, isTerminal, offset: beginning.offset ?? 0 };
    }
    default:
      return beginning satisfies never;
  }
}

function isNamed({ execId, pid }: ExecState, named: ExecConnect | PtyConnect): boolean {
  if (named.type === "pty_connect" && (named.session_id ?? undefined) !== undefined)
    return execIdOf(named.session_id ?? "") === execId;
  return pid !== 0 && pid === named.pid;
}

/** Resolves when it has ended and that was told. Whoever goes away leaves it alone. */
export async function carryCommand(
  engine: Engine,
  session: Session,
  connected: Connected & { readonly inbox: Inbox },
): Promise<void> {
  const { socket, signal } = connected;
  const { vmId, exec, isTerminal, offset } = session;
  const { execId, pid } = exec;
  const named = isTerminal
    ? { type: "pty_started", session_id: sessionId(execId) }
    : { type: "exec_started" };
  const events = await engine.execs.attach(vmId, execId, { offset, follow: true }, { signal });
  await send(socket, { ...named, pid, offset });
  void takeInputs(engine, session, connected);
  let next = offset;
  for await (const event of events) {
    if (event.kind === "at") {
      if (event.offset > next) await send(socket, { type: "lost", bytes: event.offset - next });
      next = event.offset;
    } else if (event.kind === "exit") {
      const end = { exit_code: event.exitCode, timed_out: event.timedOut };
      return send(socket, { type: isTerminal ? "pty_exited" : "exec_exit", ...end });
    } else {
      const type = isTerminal ? "pty_output" : `exec_${event.kind}`;
      for (let start = 0; start < event.data.length; start += MAX_DATA_BYTES) {
        const part = event.data.subarray(start, start + MAX_DATA_BYTES);
        next += part.length;
        await send(socket, { type, data: Buffer.from(part).toString("base64"), offset: next });
      }
    }
  }
  throw new FastvmError("guest_unresponsive", "the output ended without its exit");
}

const INPUTS = checkersOf(SOCKET_INPUTS);

/** What is not understood or not taken is told, and changes nothing else. */
async function takeInputs(
  engine: Engine,
  session: Session,
  { inbox, socket, signal }: Connected & { readonly inbox: Inbox },
): Promise<void> {
  for (;;) {
    const text = await inbox.next();
    if (text === undefined) return;
    try {
      await take(engine, session, parse(text, INPUTS) as SocketInput, signal);
    } catch (error) {
      await send(socket, errorMessage(error)).catch(() => undefined);
    }
  }
}

async function take(
  { execs }: Engine,
  { vmId, exec: { execId }, isTerminal }: Session,
  input: SocketInput,
  signal: AbortSignal,
): Promise<void> {
  if (input.type.startsWith("pty_") !== isTerminal)
    throw new FastvmError("invalid_request", "type is of another channel", { field: "type" });
  switch (input.type) {
    case "exec_stdin":
    case "pty_input": {
      const closes = input.type === "exec_stdin" && input.close === true;
      const data = Buffer.from(input.data, "base64");
      return execs.writeStdin(vmId, execId, { data, closes }, { signal });
    }
    case "pty_resize":
      return execs.resize(vmId, execId, { cols: input.cols, rows: input.rows }, { signal });
    case "exec_kill":
    case "pty_kill":
      return void (await execs.signal(vmId, execId, constants.signals.SIGKILL, { signal }));
    default:
      return input satisfies never;
  }
}
