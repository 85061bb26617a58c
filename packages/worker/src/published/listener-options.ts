/** What listens for a published port works with. */
import type { Duplex } from "node:stream";
import type { Publication, PublishedPort } from "@fastvm/contract";

export interface ListenerOptions {
  readonly port: PublishedPort;
  /** That of now. */
  readonly publication: () => Publication | undefined;
  readonly dial: () => Promise<Duplex>;
}
