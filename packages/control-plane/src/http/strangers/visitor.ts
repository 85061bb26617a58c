/** One connection: a stranger's until a valid key was seen on it. From then on none of the bounds for strangers concern it. */
import type { IncomingMessage } from "node:http";
import { constants, type Http2ServerRequest, type Http2Session, type Http2Stream } from "node:http2";
import type { Socket } from "node:net";
import { LINGER_WITH_KEY, LINGER_WITHOUT_KEY, type LingerLimits } from "../linger.ts";
import { FrameOverhead } from "./frame-overhead.ts";

type AnyRequest = IncomingMessage | Http2ServerRequest;

/** What comes of a request after its answer. */
export interface LateBody {
  /** In which it came so far; each is work. */
  pieces: number;
  /** Ends that work; the client may see the answer all the same. */
  readonly drop: () => void;
}

export class Visitor {
  readonly address: string;
  readonly #socket: Socket;
  #isCut = false;
  isKnown = false;
  /** Its address was under strain when it came. */
  isSuspect = false;
  /** HTTP/2's, once there is one. */
  session: Http2Session | undefined;
  requests = 0;
  settings = 0;
  /** Header fields of HTTP/2 requests that came in this turn of the event loop. */
  fields = 0;
  /** What it sends beside requests, once there is an HTTP/2 session; or, while it sends one, as a body that nobody reads. */
  overhead: FrameOverhead | undefined;
  lateBody: LateBody | undefined;
  /** Streams that were reset unanswered, as of `resetsAtMs`. */
  resets = 0;
  resetsAtMs = 0;
  onKnown: () => void = () => undefined;

  constructor(address: string, socket: Socket) {
    this.address = address;
    this.#socket = socket;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  get isGone(): boolean {
    return this.#isCut || this.#socket.destroyed;
  }

  watchOverhead(nowMs: number, maxCredit?: number): void {
    this.overhead = new FrameOverhead(this.#socket, nowMs, maxCredit);
  }

  /** A valid key was seen on it. */
  recognise(): void {
    if (this.isKnown) return;
    this.isKnown = true;
    this.onKnown();
  }

  /** Without a word, as servers close what is idle. */
  close(): void {
    this.#socket.destroy();
  }

  /** Ends it for what it has done, and says so where the protocol has words for it. */
  cut(): void {
    this.#isCut = true;
    if (this.session === undefined) this.#socket.destroy();
    else this.session.destroy(new Error("too much work for nothing"), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

/** By what requests know of their connection: the socket of HTTP/1.1, the stream of HTTP/2. */
const visitors = new WeakMap<object, Visitor>();

export function setVisitor(connection: Socket | Http2Stream, visitor: Visitor): void {
  visitors.set(connection, visitor);
}

/** `undefined` for what came over no socket of the API's, as in tests, or is gone. */
export function visitorOf(request: AnyRequest | Pick<IncomingMessage, "socket">): Visitor | undefined {
  const connection = "stream" in request ? request.stream : request.socket;
  // Of a request that was made in process, there may be none.
  return connection === undefined || connection === null ? undefined : visitors.get(connection);
}

/** What may still come of a request after its answer. */
export function lingerLimitsOf(request: AnyRequest | Pick<IncomingMessage, "socket">): LingerLimits {
  return visitorOf(request)?.isKnown === false ? LINGER_WITHOUT_KEY : LINGER_WITH_KEY;
}

/** To be called when a request has shown a valid key. */
export function recognise(request: AnyRequest): void {
  visitorOf(request)?.recognise();
}
