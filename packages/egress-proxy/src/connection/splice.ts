/** Carries bytes to and fro between two sockets; each side's end is the other's. */
import type { Duplex } from "node:stream";

export function splice(one: Duplex, other: Duplex): void {
  one.pipe(other);
  other.pipe(one);
  const end = (): void => {
    one.destroy();
    other.destroy();
  };
  for (const socket of [one, other]) socket.on("error", end).on("close", end);
}
