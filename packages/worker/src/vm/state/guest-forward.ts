/** Where the guest finds the host at its own loopback. */
import type { Duplex } from "node:stream";

/** A port of the guest's loopback whose connections end at us: how a guest reaches the staging area under any egress policy. */
export interface GuestForward {
  readonly port: number;
  /** That of the URL by which clients know us, where it is another: guests listen at it only once they are given such a URL. */
  readonly publicPort?: number | undefined;
  readonly accept: (connection: Duplex) => void;
}
