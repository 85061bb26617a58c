/** Lifecycle events as they happen, over whatever connections it takes. */
import { sleep } from "../http/deadline.ts";
import type { CallOptions, MachineConnection } from "./connection.ts";
import { MachineError } from "./machine-error.ts";
import { messagesOf } from "./socket.ts";
import { StreamPlace } from "./stream-place.ts";
import type { LifecycleEvent, LifecycleParams, StreamParams } from "./types.ts";

/** Whoever restarts a daemon with many machines is back by then. */
const GIVE_UP_MS = 300_000;

/** Of a list of events. */
export function lifecycleQuery({
  snapshotId: snapshot_id,
  machineId: machine_id,
  sourceMachineId: source_machine_id,
  targetMachineId: target_machine_id,
  ...rest
}: LifecycleParams) {
  return { ...rest, snapshot_id, machine_id, source_machine_id, target_machine_id };
}

interface StreamSource {
  readonly connection: MachineConnection;
  readonly path: string;
  /** The newest event's id. */
  readonly newest: () => Promise<string | undefined>;
}

/**
 * Each event once and in order, also where the server is restarted in between. It does not end by itself: leave the loop, or abort the
 * signal. Throws `connection_failed` when no server was to be reached for five minutes, `event_gap` when events that were missed are no
 * longer kept.
 */
export async function* eventStream(
  { connection, path, newest }: StreamSource,
  params: StreamParams,
  { signal = new AbortController().signal }: CallOptions = {},
): AsyncGenerator<LifecycleEvent, void, undefined> {
  const place = new StreamPlace(params);
  // Also tells a wrong key or id by its name: of a socket that does not open no runtime says why.
  const newestId = await newest().catch((error: unknown): undefined => {
    if (!signal.aborted) throw error;
  });
  if (place.wantsNewest) place.beginAfter(newestId);
  let heardAt = Date.now();
  while (!signal.aborted) {
    try {
      for await (const message of messagesOf(connection.config, path, place.query(), signal)) {
        heardAt = Date.now();
        const event = place.take(message);
        if (event !== undefined) yield event;
      }
    } catch (error) {
      const isCut = error instanceof MachineError && error.code === "connection_failed";
      if (!isCut || Date.now() - heardAt > GIVE_UP_MS) throw error;
    }
    if (signal.aborted) return;
    await sleep(place.pauseMs(), signal).catch(() => undefined);
  }
}

export interface SubscribeListeners {
  readonly onEvent: (event: LifecycleEvent) => unknown;
  /** Of what ended it. */
  readonly onError?: ((error: unknown) => unknown) | undefined;
}

export interface Subscription {
  /** What is being handed over is handed over; nothing comes afterwards. */
  stop(): Promise<void>;
}

/** Hands each event over beside what the caller does. */
export function subscribeTo(
  stream: (options: CallOptions) => AsyncIterable<LifecycleEvent>,
  { onEvent, onError }: SubscribeListeners,
): Subscription {
  const end = new AbortController();
  const run = async (): Promise<void> => {
    try {
      for await (const event of stream({ signal: end.signal })) {
        if (!end.signal.aborted) await onEvent(event);
      }
    } catch (error) {
      await onError?.(error);
    }
  };
  const running = run();
  return {
    stop: async () => {
      end.abort();
      await running;
    },
  };
}
