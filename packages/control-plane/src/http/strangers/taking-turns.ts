/**
 * For a server of HTTP/1.1 all of whose clients are strangers, as a guest's programs are:
 * their requests take turns, and few may be under way on a connection.
 */
import type { RequestListener } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { isLingering, lingerAfter, LINGER_WITHOUT_KEY } from "../linger.ts";
import type { StrangerLimits } from "./stranger-limits.ts";
import { Turns } from "./turns.ts";

type Limits = Pick<StrangerLimits, "requestsPerTurn" | "pipelined">;

export function takingTurns(serve: RequestListener, { requestsPerTurn, pipelined }: Limits): RequestListener {
  const turns = new Turns<Duplex>(requestsPerTurn);
  const underWay = new WeakMap<Duplex, number>();
  const add = (socket: Duplex, change: number): number => {
    const count = (underWay.get(socket) ?? 0) + change;
    underWay.set(socket, count);
    return count;
  };
  return (request, response) => {
    const { socket } = request;
    // The parser goes on with what it has read.
    if (socket.destroyed || isLingering(socket)) return;
    // What has no `destroySoon`, as a guest's bare connection, Node ends by half itself.
    if (request.socket instanceof Socket) lingerAfter(request, response, () => LINGER_WITHOUT_KEY);
    response.once("close", () => add(socket, -1));
    if (add(socket, 1) > pipelined) socket.destroy();
    else turns.take(socket, { isGone: () => socket.destroyed, begin: () => serve(request, response) });
  };
}
