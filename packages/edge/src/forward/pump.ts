/** Moves a body from one end to the other at the pace of the slower one. Nothing is kept but what the two streams buffer. */
import type { Readable } from "node:stream";

/** What takes the bytes: any of Node's writable streams and HTTP answers. */
export interface Sink {
  write(chunk: Uint8Array): boolean;
  on(event: "drain" | "close" | "error", listener: (error?: Error) => void): unknown;
  off(event: "drain" | "close" | "error", listener: (error?: Error) => void): unknown;
}

interface PumpHooks {
  readonly onBytes: (count: number) => void;
  /** The sink takes no more for now. */
  readonly onBlocked?: () => void;
  readonly onDrain?: () => void;
}

/** Resolves when the source has ended and leaves the sink open; rejects when either closes before that. */
export function pump(source: Readable, sink: Sink, hooks: PumpHooks): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onData = (chunk: Buffer) => {
    hooks.onBytes(chunk.length);
    if (sink.write(chunk)) return;
    source.pause();
    hooks.onBlocked?.();
  };
  const onDrain = () => {
    hooks.onDrain?.();
    source.resume();
  };
  const onEnd = () => resolve();
  const onSourceLost = () => reject(new Error("the sender broke off"));
  const onSinkLost = () => reject(new Error("the receiver went away"));
  source.on("data", onData).once("end", onEnd).once("error", onSourceLost).once("close", onSourceLost);
  sink.on("drain", onDrain);
  sink.on("close", onSinkLost);
  sink.on("error", onSinkLost);
  // An earlier reader may have paused it.
  source.resume();
  // What happened before somebody listened is not told again.
  if (source.readableEnded) onEnd();
  else if (source.destroyed) onSourceLost();
  return promise.finally(() => {
    source.off("data", onData).off("end", onEnd).off("error", onSourceLost).off("close", onSourceLost);
    sink.off("drain", onDrain);
    sink.off("close", onSinkLost);
    sink.off("error", onSinkLost);
  });
}
