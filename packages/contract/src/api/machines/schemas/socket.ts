/**
 * What clients say at the sockets of machines. At a machine's (`…/ws`) the first message begins a command, a terminal or a watch, and
 * the socket is that one's from then on; at the monitor's each subscription takes the place of the one before it. Bytes are base64.
 */
import { Type, type Static, type TSchema } from "typebox";
import { MAX_COMMAND_ARGS, MAX_TIMEOUT_SEC } from "../../../limits.ts";
import { CLOSED, maybe, strings } from "./parts.ts";

/** What a terminal can be, and more than any screen. */
const MAX_SIZE = 4096;

const message = <Name extends string, Fields extends Record<string, TSchema>>(name: Name, fields: Fields) =>
  Type.Object({ type: Type.Literal(name), ...fields }, CLOSED);

const path = Type.String({ minLength: 1 });
const args = maybe(Type.Array(Type.String(), { maxItems: MAX_COMMAND_ARGS }));
const envs = maybe(strings("Added to the machine's."));
const size = Type.Integer({ minimum: 1, maximum: MAX_SIZE });
const pid = Type.Integer({ minimum: 1 });
/** Of a byte in all that was written: where a client that lost its connection goes on. */
const offset = maybe(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }));
const data = Type.String({ pattern: "^[A-Za-z0-9+/]*={0,2}$" });

/** By the first message of a machine's socket. */
export const SOCKET_BEGINNINGS = {
  exec_start: message("exec_start", {
    command: Type.String({ minLength: 1 }),
    args,
    shell: maybe(Type.Boolean()),
    timeout_secs: maybe(Type.Integer({ minimum: 1, maximum: MAX_TIMEOUT_SEC })),
    cwd: maybe(path),
    envs,
  }),
  exec_connect: message("exec_connect", { pid, offset }),
  pty_create: message("pty_create", {
    cols: size,
    rows: size,
    command: maybe(Type.String({ minLength: 1 })),
    args,
    cwd: maybe(path),
    envs,
  }),
  pty_connect: message("pty_connect", { session_id: maybe(Type.String()), pid: maybe(pid), offset }),
  watch_start: message("watch_start", { path, recursive: maybe(Type.Boolean()) }),
} as const;

/** By what a command or a terminal is told later. */
export const SOCKET_INPUTS = {
  exec_stdin: message("exec_stdin", { data, close: maybe(Type.Boolean()) }),
  exec_kill: message("exec_kill", {}),
  pty_input: message("pty_input", { data }),
  pty_resize: message("pty_resize", { cols: size, rows: size }),
  pty_kill: message("pty_kill", {}),
} as const;

export const MonitorSubscribeSchema = message("monitor_subscribe", {
  id: Type.String({ description: "The machine." }),
  interval_ms: maybe(Type.Integer()),
  include_processes: maybe(Type.Boolean()),
});

export type ExecStart = Static<(typeof SOCKET_BEGINNINGS)["exec_start"]>;
export type ExecConnect = Static<(typeof SOCKET_BEGINNINGS)["exec_connect"]>;
export type PtyCreate = Static<(typeof SOCKET_BEGINNINGS)["pty_create"]>;
export type PtyConnect = Static<(typeof SOCKET_BEGINNINGS)["pty_connect"]>;
export type WatchStart = Static<(typeof SOCKET_BEGINNINGS)["watch_start"]>;
export type SocketBeginning = ExecStart | ExecConnect | PtyCreate | PtyConnect | WatchStart;
export type SocketInput = {
  [Name in keyof typeof SOCKET_INPUTS]: Static<(typeof SOCKET_INPUTS)[Name]>;
}[keyof typeof SOCKET_INPUTS];
