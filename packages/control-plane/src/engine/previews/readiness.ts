/** Whether a service in a running VM listens, or answers: looked at again and again until it does or the time is over. */
import { request as httpRequest } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError, type VmId } from "@fastvm/contract";
import type { Parts } from "../context.ts";

export interface ReadinessQuestion {
  readonly port: number;
  /** Whether a connection is enough, or an answer is wanted that is no failure of the service's. */
  readonly kind: "tcp" | "http";
  /** Of `http`. */
  readonly path: string;
  readonly timeoutMs: number;
  readonly intervalMs: number;
}

const FIRST_FAILURE = 500;

/** Rejects when the VM does not run, and with the signal's reason. */
export async function isServiceReady(
  ctx: Parts<"worker">,
  vmId: VmId,
  question: ReadinessQuestion,
  gone: AbortSignal,
): Promise<boolean> {
  const late = AbortSignal.timeout(question.timeoutMs);
  const signal = AbortSignal.any([gone, late]);
  while (!signal.aborted) {
    if (await looksReady(ctx, vmId, question, signal)) return true;
    await sleep(question.intervalMs, undefined, { signal }).catch(() => undefined);
  }
  gone.throwIfAborted();
  return false;
}

async function looksReady(
  ctx: Parts<"worker">,
  vmId: VmId,
  { port, kind, path }: ReadinessQuestion,
  signal: AbortSignal,
): Promise<boolean> {
  let connection: Duplex;
  try {
    connection = await ctx.worker.dial(vmId, port, { signal });
  } catch (error) {
    if (signal.aborted || isNobodyThere(error)) return false;
    throw error;
  }
  connection.on("error", () => undefined);
  try {
    return kind === "tcp" || (await answers(connection, port, path, signal));
  } finally {
    connection.destroy();
  }
}

/** Nobody listens, or the guest has no room for one more connection just now. */
function isNobodyThere(error: unknown): boolean {
  return (
    error instanceof FastvmError && (error.code === "guest_unresponsive" || error.code === "out_of_capacity")
  );
}

function answers(connection: Duplex, port: number, path: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const request = httpRequest({
      createConnection: () => connection,
      path,
      signal,
      headers: { host: `localhost:${port}`, connection: "close" },
    });
    request.once("response", (response) => {
      resolve((response.statusCode ?? FIRST_FAILURE) < FIRST_FAILURE);
      response.destroy();
    });
    request.on("error", () => resolve(false));
    request.once("close", () => resolve(false));
    request.end();
  });
}
