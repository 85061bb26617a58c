/** The operations on commands in the background, as data: a part of the API's table (operations.ts). */
import { Type } from "typebox";
import type { Operation } from "../operation.ts";
import {
  BackgroundExecSchema,
  ExecOutputEventSchema,
  ExecOutputSchema,
  OutputQuerySchema,
  ResizeExecBodySchema,
  SignalExecBodySchema,
  SignalledSchema,
  StartExecBodySchema,
  WaitQuerySchema,
  WriteStdinBodySchema,
} from "./schemas/background-exec.ts";
import { DeletionSchema } from "./schemas/deletion.ts";

const EXECS = "/v1/vms/{vmId}/execs";
const EXEC = `${EXECS}/{execId}` as const;
const ERRORS = ["vm_wrong_state", "guest_unresponsive", "vm_died", "out_of_capacity", "conflict"] as const;

export const EXEC_OPERATIONS = {
  startExec: {
    method: "POST",
    path: EXECS,
    tag: "Commands",
    summary: "Start a command in the background",
    description:
      "It belongs to the VM: it outlives its client, the daemon, pause and resume, and is in snapshots and forks. " +
      "At most 128 are known, ended ones included, of which the oldest is forgotten for a new one.",
    body: StartExecBodySchema,
    responses: { 201: BackgroundExecSchema },
    errors: ERRORS,
  },
  listExecs: {
    method: "GET",
    path: EXECS,
    tag: "Commands",
    summary: "List the commands in the background, oldest first",
    responses: { 200: Type.Array(BackgroundExecSchema) },
    errors: ERRORS,
  },
  getExec: {
    method: "GET",
    path: EXEC,
    tag: "Commands",
    summary: "Read a command in the background, or wait for its end",
    query: WaitQuerySchema,
    responses: { 200: BackgroundExecSchema },
    errors: ERRORS,
  },
  deleteExec: {
    method: "DELETE",
    path: EXEC,
    tag: "Commands",
    summary: "Kill a command in the background and forget it",
    responses: { 200: DeletionSchema },
    errors: ERRORS,
  },
  getExecOutput: {
    method: "GET",
    path: `${EXEC}/output`,
    tag: "Commands",
    summary: "Read a command's output, or follow it",
    description:
      "With `Accept: application/x-ndjson` what is kept, then what comes, until the command ends, blank lines in between are heartbeats; " +
      "otherwise what there is now. Any number may read at once; a reader who is too slow is told how much it lost.",
    query: OutputQuerySchema,
    responses: { 200: ExecOutputSchema },
    ndjson: ExecOutputEventSchema,
    errors: ERRORS,
  },
  writeExecStdin: {
    method: "POST",
    path: `${EXEC}/stdin`,
    tag: "Commands",
    summary: "Write to a command's stdin, or close it",
    description: "Answers when the command's pipe or terminal has taken all of it.",
    body: WriteStdinBodySchema,
    responses: { 204: undefined },
    errors: ERRORS,
  },
  signalExec: {
    method: "POST",
    path: `${EXEC}/signal`,
    tag: "Commands",
    summary: "Send a signal to a command's process group",
    body: SignalExecBodySchema,
    responses: { 200: SignalledSchema },
    errors: ERRORS,
  },
  resizeExec: {
    method: "POST",
    path: `${EXEC}/resize`,
    tag: "Commands",
    summary: "Give a command's terminal another size",
    body: ResizeExecBodySchema,
    responses: { 204: undefined },
    errors: ERRORS,
  },
} as const satisfies Record<string, Operation>;
