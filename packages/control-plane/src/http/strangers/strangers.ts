/**
 * The API's guard against work before authentication: streams reset as soon as they are opened,
 * connections that come again and again or say nothing, requests by the thousand in one read. It
 * judges connections on which no valid key was seen; a key's first request makes its connection known.
 *
 * All clients of one machine share an address, and so do all behind a reverse proxy. So an address is never shut out:
 * what it opens has to wait, and what is open goes on. HTTP/1.1 in cleartext waits only where HTTP/1.1 was misused.
 */
import type { EventEmitter } from "node:events";
import { ServerResponse, type IncomingMessage } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { isLingering, linger, LINGER_WITHOUT_KEY } from "../linger.ts";
import { addressGroup } from "./address-group.ts";
import { AddressStrain } from "./address-strain.ts";
import { Entrance } from "./entrance.ts";
import { IdleConnections } from "./idle-connections.ts";
import { LATE_BODY_BYTES } from "./frame-overhead.ts";
import { OVERHEAD_MS, STRAIN, type StrangerLimits } from "./stranger-limits.ts";
import { Turns } from "./turns.ts";
import { setVisitor, Visitor, visitorOf, type LateBody } from "./visitor.ts";

type AnyRequest = IncomingMessage | Http2ServerRequest;
type AnyResponse = ServerResponse | Http2ServerResponse;
type Ends = Pick<Socket, "remoteAddress" | "remotePort" | "localAddress">;

export class Strangers {
  readonly #limits: StrangerLimits;
  readonly #strain: AddressStrain;
  readonly #entrance: Entrance;
  /** Of HTTP/1.1 in cleartext, where a connection costs next to nothing and only what came on it counts. */
  readonly #http1Strain: AddressStrain;
  readonly #http1Entrance: Entrance;
  readonly #idle: IdleConnections<Visitor>;
  readonly #turns: Turns<Visitor>;
  /** By the ends of the connection, which are the same of the socket that TLS and HTTP/2 put on top. */
  readonly #open = new Map<string, Visitor>();
  /** Strangers that speak HTTP/2, or send on what was answered. */
  readonly #watched = new Set<Visitor>();
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: StrangerLimits) {
    this.#limits = limits;
    this.#strain = new AddressStrain(limits);
    this.#entrance = new Entrance(limits, this.#strain, STRAIN.session);
    this.#http1Strain = new AddressStrain(limits);
    this.#http1Entrance = new Entrance(limits, this.#http1Strain, 0);
    this.#idle = new IdleConnections(limits);
    this.#turns = new Turns(limits.requestsPerTurn);
  }

  counts() {
    return {
      addresses: this.#strain.size + this.#http1Strain.size,
      waiting: this.#entrance.waiting + this.#http1Entrance.waiting,
      idle: this.#idle.size,
    };
  }

  /** A connection was accepted. */
  greet(socket: Socket): void {
    const ends = endsOf(socket);
    const visitor = new Visitor(addressGroup(socket.remoteAddress ?? "unknown"), socket);
    visitor.onKnown = () => {
      this.#idle.delete(visitor);
      this.#watched.delete(visitor);
      this.#strain.add(visitor.address, -STRAIN.session);
    };
    this.#open.set(ends, visitor);
    setVisitor(socket, visitor);
    this.#idle.add(visitor);
    socket.once("close", () => {
      this.#open.delete(ends);
      this.#idle.delete(visitor);
    });
  }

  /** Before a session or a handshake is begun on the connection. */
  admit(socket: Socket, enter: () => void): void {
    this.#admitAt(this.#entrance, socket, enter);
  }

  /** Before HTTP/1.1 in cleartext is spoken on it. */
  admitHttp1(socket: Socket, enter: () => void): void {
    this.#admitAt(this.#http1Entrance, socket, enter);
  }

  #admitAt(entrance: Entrance, socket: Socket, enter: () => void): void {
    const visitor = this.#open.get(endsOf(socket));
    if (visitor === undefined) return enter();
    entrance.arrive({
      address: visitor.address,
      socket,
      enter: (waited) => {
        visitor.isSuspect = waited;
        enter();
      },
    });
  }

  /** TLS was put on top of a connection. */
  secured(socket: Socket): void {
    const visitor = this.#open.get(endsOf(socket));
    if (visitor !== undefined) setVisitor(socket, visitor);
  }

  /** HTTP/2 is spoken on a connection. */
  guardSession(session: ServerHttp2Session): void {
    const visitor = this.#open.get(endsOf(session.socket));
    if (visitor === undefined) return;
    visitor.session = session;
    this.#watch(visitor, session);
    // Before the listener that makes a request of it. A stream that was reset already does not know its session any more.
    session.prependListener("stream", (stream, _headers, _flags, rawHeaders: readonly string[]) => {
      setVisitor(stream, visitor);
      this.#countFields(visitor, rawHeaders.length / 2);
    });
    session.on("remoteSettings", () => {
      visitor.settings += 1;
      if (visitor.settings > this.#limits.settings) this.#cut(visitor);
    });
  }

  /** A byte of a read is a field of a request, where it names one that came before. When a session ends the rest of the read is skipped. */
  #countFields(visitor: Visitor, fields: number): void {
    if (visitor.isKnown || visitor.isGone) return;
    if (visitor.fields === 0) setImmediate(() => (visitor.fields = 0));
    visitor.fields += fields;
    if (visitor.fields > this.#limits.fieldsPerTurn) this.#cut(visitor);
  }

  /** Frames that belong to no request show in the connection's bytes; what the protocol forbids ends the session without us. */
  #watch(visitor: Visitor, session: ServerHttp2Session): void {
    if (visitor.isKnown) return;
    this.#weighFromNow(visitor);
    session.once("close", () => this.#watched.delete(visitor));
    session.once("error", () => {
      if (!visitor.isKnown && !visitor.isCut) this.#strain.add(visitor.address, STRAIN.cut);
    });
  }

  /** Node would read the body of an answered request to its end, chunk by chunk, however long it is. */
  #boundLateBody(visitor: Visitor, request: IncomingMessage): void {
    const { socket, headers } = request;
    if (isLingering(socket)) return;
    const drop = (): void => linger(socket, LINGER_WITHOUT_KEY);
    // Of a known length it is no work to speak of; but its connection is of no more use.
    if (headers["content-length"] !== undefined) {
      if (Number(headers["content-length"]) > LATE_BODY_BYTES) drop();
      return;
    }
    this.#weighFromNow(visitor, LATE_BODY_BYTES);
    const late: LateBody = { pieces: 0, drop };
    visitor.lateBody = late;
    const settle = (): void => {
      visitor.overhead = undefined;
      visitor.lateBody = undefined;
      this.#watched.delete(visitor);
    };
    request
      .on("data", () => (late.pieces += 1))
      .once("end", settle)
      .once("close", settle);
  }

  #weighFromNow(visitor: Visitor, maxCredit?: number): void {
    visitor.watchOverhead(performance.now(), maxCredit);
    this.#watched.add(visitor);
    this.#timer ??= setInterval(() => this.#weigh(), OVERHEAD_MS).unref();
  }

  #weigh(): void {
    const nowMs = performance.now();
    for (const visitor of this.#watched) {
      const excess = visitor.overhead?.excess(nowMs) ?? 0;
      if (excess === 0) continue;
      if (visitor.lateBody === undefined) {
        this.#strain.add(visitor.address, STRAIN.cut + excess / STRAIN.overheadBytes);
        this.#cut(visitor);
      } else {
        this.#http1Strain.add(visitor.address, visitor.lateBody.pieces / STRAIN.latePieces);
        visitor.lateBody.drop();
      }
      this.#watched.delete(visitor);
    }
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Calls `begin` when it is the request's turn, or never when it was given up before. */
  takeTurn(request: AnyRequest, response: AnyResponse, begin: () => void): void {
    const visitor = visitorOf(request);
    if (visitor === undefined || visitor.isKnown) return begin();
    // HTTP/1.1's parser goes on with what it has read.
    if (visitor.isGone) return;
    this.#began(visitor);
    visitor.overhead?.began(hasBody(response));
    if (!(response instanceof ServerResponse) && response.stream.destroyed)
      return this.#ended(visitor, response);
    const ends: Pick<EventEmitter, "once"> = response instanceof ServerResponse ? response : response.stream;
    ends.once("close", () => this.#ended(visitor, response));
    if (response instanceof ServerResponse && visitor.requests > this.#limits.pipelined) {
      this.#http1Strain.add(visitor.address, STRAIN.cut);
      this.#cut(visitor);
    } else this.#turns.take(visitor, { isGone: () => isGone(visitor, response), begin });
  }

  /** A connection has become a WebSocket's, or is refused as such and closed. */
  upgraded(request: IncomingMessage): void {
    const visitor = visitorOf(request);
    if (visitor !== undefined) this.#began(visitor);
  }

  #began(visitor: Visitor): void {
    visitor.requests += 1;
    this.#idle.delete(visitor);
  }

  #ended(visitor: Visitor, response: AnyResponse): void {
    visitor.requests -= 1;
    visitor.overhead?.ended(hasBody(response));
    if (visitor.isKnown || visitor.isGone) return;
    if (visitor.requests === 0) this.#idle.add(visitor);
    if (!(response instanceof ServerResponse)) this.#countReset(visitor, response.headersSent);
    else if (!response.req.complete) this.#boundLateBody(visitor, response.req);
  }

  /** A stream that was answered before its client gave it up was worth its work, and makes up for one that was not. */
  #countReset(visitor: Visitor, wasAnswered: boolean): void {
    const { resets, resetsUnderStrain, resetsForgivenPerSec } = this.#limits;
    const nowMs = performance.now();
    const forgiven = ((nowMs - visitor.resetsAtMs) * resetsForgivenPerSec) / 1000;
    visitor.resets = Math.max(0, visitor.resets - forgiven - (wasAnswered ? 1 : 0));
    visitor.resetsAtMs = nowMs;
    if (wasAnswered) return;
    visitor.resets += 1;
    this.#strain.add(visitor.address, STRAIN.reset);
    if (visitor.resets > (visitor.isSuspect ? resetsUnderStrain : resets)) this.#cut(visitor);
  }

  #cut(visitor: Visitor): void {
    if (visitor.isKnown || visitor.isGone) return;
    this.#strain.add(visitor.address, STRAIN.cut);
    visitor.cut();
  }
}

/** Over HTTP/2, where that is said by the head. */
function hasBody(response: AnyResponse): boolean {
  return !(response instanceof ServerResponse) && !response.stream.endAfterHeaders;
}

function endsOf({ remoteAddress, remotePort, localAddress }: Ends): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}

function isGone(visitor: Visitor, response: AnyResponse): boolean {
  return visitor.isGone || (!(response instanceof ServerResponse) && response.stream.closed);
}
