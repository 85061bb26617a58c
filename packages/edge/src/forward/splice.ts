/** Two connections as one: what comes in at one end goes out at the other, until both have ended or one is lost. */
import type { Duplex } from "node:stream";
import type { EdgeLimits } from "../limits.ts";
import { pump } from "./pump.ts";
import { SilenceTimer } from "./silence-timer.ts";
import type { Traffic } from "./traffic.ts";

/** Resolves when both are closed. A half that ended ends the other's; a silent other half is not waited for long. */
export async function splice(
  client: Duplex,
  service: Duplex,
  limits: Pick<EdgeLimits, "idleMs" | "halfClosedMs">,
  traffic: Traffic,
): Promise<void> {
  const both = [client, service];
  const destroy = () => {
    for (const connection of both) connection.destroy();
  };
  const closed = Promise.all(both.map((connection) => closedOf(connection)));
  let timer = new SilenceTimer(limits.idleMs, destroy);
  const carry = async (from: Duplex, to: Duplex, count: (bytes: number) => void): Promise<void> => {
    const onBytes = (bytes: number) => {
      count(bytes);
      timer.restart();
    };
    await pump(from, to, { onBytes });
    to.end();
    timer.stop();
    timer = new SilenceTimer(limits.halfClosedMs, destroy);
  };
  try {
    await Promise.all([
      carry(client, service, (bytes) => void (traffic.bytesIn += bytes)),
      carry(service, client, (bytes) => void (traffic.bytesOut += bytes)),
    ]);
  } catch {
    destroy();
  }
  await closed;
  timer.stop();
}

function closedOf(connection: Duplex): Promise<void> {
  return new Promise((resolve) => {
    connection.on("error", () => undefined);
    if (connection.closed) resolve();
    else connection.once("close", () => resolve());
  });
}
