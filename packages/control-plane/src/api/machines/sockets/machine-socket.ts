/**
 * `/v1/machines/{id}/ws`: what goes on in one machine, as it happens. The first message begins it or goes on with it:
 *
 *     → exec_start, exec_connect {pid, offset}           ← exec_started {pid, offset}, exec_stdout, exec_stderr {data, offset}, exec_exit
 *     → exec_stdin {data, close}, exec_kill
 *     → pty_create, pty_connect {session_id, offset}     ← pty_started {session_id, pid, offset}, pty_output {data, offset}, pty_exited
 *     → pty_input {data}, pty_resize {cols, rows}, pty_kill
 *     → watch_start {path, recursive}                    ← watch_started, watch_event {event: {type, path}}
 *
 * A command and a terminal are the machine's: they outlive the socket, and whoever names the last `offset` it has got goes on there.
 */
import { FastvmError, SOCKET_BEGINNINGS, type SocketBeginning } from "@fastvm/contract";
import type { MachinesScope } from "../machines-scope.ts";
import { runningMachine } from "../routes/guest/running-machine.ts";
import { makeWorkTree } from "../work-tree.ts";
import { beginCommand, carryCommand } from "./command-session.ts";
import { checkersOf, Inbox, parse } from "./inbox.ts";
import type { Connected } from "../../shared/serve-socket.ts";
import { serveSocket } from "./serve-socket.ts";
import { tellWatched } from "./watch-session.ts";

const PATH = /^(?:\/nullspace)?\/v1\/machines\/([^/]+)\/ws$/;
/** A command's arguments, or keystrokes: as large as the body of a request may be. */
const MAX_MESSAGE_BYTES = 8 * 2 ** 20;
/** Whoever opens a socket knows what for. */
const FIRST_MESSAGE_MS = 30_000;
const CHANNELS: ReadonlyMap<string, RegExp> = new Map([
  ["exec", /^exec_/],
  ["pty", /^pty_/],
  ["watch", /^watch_/],
]);
const BEGINNINGS = checkersOf(SOCKET_BEGINNINGS);

interface Wanted {
  readonly machineId: string;
  /** What may begin. */
  readonly channel: RegExp | undefined;
}

type Api = Omit<MachinesScope, "routes">;

export function serveMachineSocket(api: Api): void {
  serveSocket<Wanted>(api, {
    path: PATH,
    needs: "run",
    maxMessageBytes: MAX_MESSAGE_BYTES,
    wantedOf: ({ pathname, searchParams }) => {
      const machineId = PATH.exec(pathname)?.[1];
      const named = searchParams.get("channel");
      const channel = named === null ? undefined : CHANNELS.get(named);
      if (machineId === undefined || (named !== null && channel === undefined)) return undefined;
      return { machineId, channel };
    },
    run: (connected, wanted) => run(api, connected, wanted),
  });
}

async function run(api: Api, connected: Connected, { machineId, channel }: Wanted): Promise<void> {
  const { caller, socket, signal } = connected;
  await using inbox = new Inbox(socket);
  const vm = await runningMachine(api, caller, machineId);
  const inTime = AbortSignal.timeout(FIRST_MESSAGE_MS);
  const first = await inbox.next(inTime);
  if (first === undefined) {
    if (signal.aborted) return;
    throw new FastvmError("invalid_request", "nothing was said what this socket is for", { field: "type" });
  }
  const beginning = parse(first, BEGINNINGS) as SocketBeginning;
  if (channel?.test(beginning.type) === false)
    throw new FastvmError("invalid_request", "type is of another channel", { field: "type" });
  // Not awaited here, so that the inbox is gone by then: a watch has nothing to take from it, and the client's end is to be heard.
  if (beginning.type === "watch_start") return tellWatched(api.engine, vm, beginning, connected);
  const isNew = beginning.type === "exec_start" || beginning.type === "pty_create";
  if (isNew && (beginning.cwd ?? undefined) === undefined) await makeWorkTree(api, vm);
  const session = await beginCommand(api.engine, vm, beginning, signal);
  await carryCommand(api.engine, session, { ...connected, inbox });
}
