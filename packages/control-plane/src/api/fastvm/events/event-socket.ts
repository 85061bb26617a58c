/** `/v1/events/ws`: what a stream of events tells, a message each. */
import { FASTVM, type FastvmScope } from "../fastvm-scope.ts";
import { asFastvmError } from "../../../engine/engine.ts";
import { send, serveKeyedSocket } from "../../shared/serve-socket.ts";
import { filterOf } from "./event-query.ts";
import { followedEvents } from "./followed-events.ts";

/** Nobody has anything to say here. */
const MAX_INPUT_BYTES = 4096;

export function serveEventSocket({ scope, engine, log }: FastvmScope): void {
  const parts = { scope, engine, log, dialect: FASTVM, errorMessage };
  serveKeyedSocket(parts, {
    path: /^\/v1\/events\/ws$/,
    needs: "read",
    maxMessageBytes: MAX_INPUT_BYTES,
    wantedOf: ({ searchParams }) => {
      try {
        return filterOf(Object.fromEntries(searchParams));
      } catch {
        return undefined;
      }
    },
    run: async ({ caller, socket, signal }, filter) => {
      for await (const told of followedEvents(engine, caller.orgId, filter, signal)) await send(socket, told);
    },
  });
}

function errorMessage(thrown: unknown): object {
  const { code, message } = asFastvmError(thrown);
  return { type: "error", code, message };
}
