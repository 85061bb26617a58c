/** Waits for a client's first words, and leaves them to be read again. */
import type { Socket } from "node:net";
import { HELLO_MS, MAX_HELLO_BYTES } from "../limits.ts";
import { readHello, type FirstWords } from "./read-hello.ts";

/** What is still incomplete when it is too long, too late or over counts as malformed. */
export function listenFirst(socket: Socket): Promise<Exclude<FirstWords, { kind: "incomplete" }>> {
  return new Promise((resolve) => {
    let heard: Buffer = Buffer.alloc(0);
    const settle = (words: Exclude<FirstWords, { kind: "incomplete" }>): void => {
      clearTimeout(timer);
      socket.off("data", onData).off("end", onEnd).off("close", onEnd).pause();
      if (heard.length > 0) socket.unshift(heard);
      resolve(words);
    };
    const onData = (bytes: Buffer): void => {
      heard = heard.length === 0 ? bytes : Buffer.concat([heard, bytes]);
      const words = readHello(heard);
      if (words.kind !== "incomplete") settle(words);
      else if (heard.length > MAX_HELLO_BYTES) settle({ kind: "malformed" });
    };
    const onEnd = (): void => settle({ kind: "malformed" });
    const timer = setTimeout(onEnd, HELLO_MS);
    socket.on("data", onData).on("end", onEnd).on("close", onEnd);
  });
}
