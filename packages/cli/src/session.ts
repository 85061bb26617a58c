/** What a command that talks to the API works with: a client, the way to answer, and the signal that ends it. */
import type { Command } from "commander";
import type { FastvmClient } from "fastvm";
import { optionsOf } from "./command-line/global-options.ts";
import { interruptSignal, listenForInterrupts } from "./interrupt.ts";
import { findConnection } from "./settings/connection.ts";
import { httpFetch } from "./settings/http-fetch.ts";
import { readEnvironment } from "./settings/environment.ts";

/** One: with two a person would wait 1.5 s to learn that no daemon runs. */
const MAX_RETRIES = 1;

export interface Session {
  readonly client: FastvmClient;
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly isJson: boolean;
  readonly signal: AbortSignal;
}

/** The SDK is loaded here and not above, so that help and mistyped commands need not wait for it. */
export async function openSession(command: Command): Promise<Session> {
  listenForInterrupts();
  const options = optionsOf(command);
  const [{ FastvmClient }, connection] = await Promise.all([
    import("fastvm"),
    findConnection(options, readEnvironment()),
  ]);
  const { baseUrl, apiKey, ca } = connection;
  // What reads certificates takes as long to load as a command to run.
  if (ca !== undefined) (await import("./settings/trust-authority.ts")).trustAuthority(ca);
  const client = new FastvmClient({ baseUrl, apiKey, maxRetries: MAX_RETRIES, fetch: httpFetch });
  return { client, baseUrl, apiKey, isJson: options.json === true, signal: interruptSignal };
}
