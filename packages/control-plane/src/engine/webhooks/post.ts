/**
 * One request to a URL of a client's. It goes to an address that the guard lets through and to no other: redirections are not followed,
 * the name is asked for once. All of it, name to answer, has one deadline; of the answer the status counts, the rest is not read.
 */
import { once } from "node:events";
import { request as requestHttp, type IncomingMessage, type RequestOptions } from "node:http";
import { request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import type { AddressGuard, GuardedAddress } from "@fastvm/contract";

interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `error: null`: it was taken. */
interface Outcome {
  readonly answer: number | null;
  readonly error: string | null;
}

const MAX_HEADER_BYTES = 16 * 1024;

export async function post(
  guard: AddressGuard,
  what: Post,
  withinMs: number,
  signal: AbortSignal,
): Promise<Outcome> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error(`no answer within ${withinMs / 1000} s`)), withinMs);
  const end = (): void => late.abort(signal.reason);
  signal.addEventListener("abort", end, { once: true });
  try {
    signal.throwIfAborted();
    return verdictOn(await statusOf(guard, what, late.signal));
  } catch (error) {
    signal.throwIfAborted();
    return { answer: null, error: reasonOf(late.signal.aborted ? late.signal.reason : error) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
}

async function statusOf(
  guard: AddressGuard,
  { url, headers, body }: Post,
  signal: AbortSignal,
): Promise<number> {
  const target = new URL(url);
  const addresses = await guard.addressesOf(target.hostname, { signal });
  if (addresses.length === 0) throw new Error("its address is in a network that is not reached from here");
  const options: RequestOptions = {
    method: "POST",
    headers: { ...headers, "content-length": Buffer.byteLength(body) },
    lookup: answerWith(addresses),
    // A connection of its own: one that is kept might be to where the name led before.
    agent: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    signal,
  };
  const request = target.protocol === "https:" ? requestHttps(target, options) : requestHttp(target, options);
  request.end(body);
  try {
    const [answer] = (await once(request, "response")) as [IncomingMessage];
    answer.on("error", () => undefined);
    return answer.statusCode ?? 0;
  } finally {
    // Nobody is left who would be told.
    request.on("error", () => undefined);
    request.destroy();
  }
}

function answerWith(addresses: readonly GuardedAddress[]): LookupFunction {
  return (_hostname, { all }, callback) => {
    const [first] = addresses;
    if (all === true) callback(null, [...addresses]);
    else callback(null, first?.address ?? "", first?.family);
  };
}

function verdictOn(answer: number): Outcome {
  if (answer >= 200 && answer < 300) return { answer, error: null };
  const isRedirection = answer >= 300 && answer < 400;
  return { answer, error: `it answered ${answer}${isRedirection ? ": redirections are not followed" : ""}` };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Several addresses, none of which took the connection.
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reasonOf).join("; ");
  return error.message;
}
