/** One request to a service, whichever HTTP it speaks. */
import type { Readable, Writable } from "node:stream";
import type { RawHeaders } from "../headers/hop-by-hop.ts";

export interface BackendCall {
  /** Takes the request's body; ended by `finish`. */
  readonly body: Writable;
  /** Rejects with a ProxyError, or with a StreamReset when the service reset an HTTP/2 stream. */
  readonly answer: Promise<BackendAnswer>;
  /** The body is whole. `trailers` reach services that speak HTTP/2. */
  finish(trailers: RawHeaders): void;
  /** The answer is whole: the connection ends in good order. */
  close(): void;
  /** Breaks off the call and its connection, whatever state it is in. `code` is what an HTTP/2 service is told. */
  destroy(code?: number): void;
}

export interface BackendAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: RawHeaders;
  /** Whether the headers are all there is. */
  readonly isEmpty: boolean;
  readonly body: Readable;
  /** Asked when the body has ended: the streams of HTTP/2 also end when they are reset. */
  isWhole(): boolean;
  /** Known when the body has ended. */
  trailers(): RawHeaders;
  /** Why the body is not whole. */
  failure(): Error;
}

/** Whether an answer ends with its headers, whatever they say. */
export function isBodiless(method: string, status: number): boolean {
  return method === "HEAD" || status === 204 || status === 304;
}

/** The service reset its HTTP/2 stream: a client that speaks HTTP/2 is told the same. */
export class StreamReset extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`the service reset its stream with code ${code}`);
    this.name = "StreamReset";
    this.code = code;
  }
}
