/**
 * A buffered answer that takes long. Clients give up when headers do not come within 60 s, and old ones then send the command
 * again; so after a while the headers go out, followed by white space, which JSON allows before the value.
 */
import { asFastvmError } from "../../../engine/engine.ts";
import type { ExecResult, FastvmError } from "@fastvm/contract";
import type { FastifyReply } from "fastify";
import { FAILED_EXIT_CODE } from "./failed-exit-code.ts";

/** `undefined` when `ms` passed first; rejects when the promise does. */
export async function resultWithin<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Writes the head now and the result when it is there; never rejects. */
export async function answerSlowly(
  reply: FastifyReply,
  result: Promise<ExecResult>,
  whitespaceEveryMs: number,
): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { "content-type": "application/json; charset=utf-8" });
  raw.write(" ");
  const whitespace = setInterval(() => raw.write(" "), whitespaceEveryMs);
  try {
    const body = await result.catch((error: unknown) => failedResult(asFastvmError(error)));
    raw.end(JSON.stringify(body));
  } finally {
    clearInterval(whitespace);
  }
}

function failedResult(error: FastvmError): ExecResult {
  const result: ExecResult = {
    exitCode: FAILED_EXIT_CODE,
    stdout: "",
    stderr: `fastvm: ${error.message}\n`,
    timedOut: false,
    stdoutTruncated: false,
    stderrTruncated: false,
    durationMs: 0,
  };
  return { ...result, error: error.message, code: error.code };
}
