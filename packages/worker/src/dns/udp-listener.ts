/** A VM's questions by UDP. */
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { GuestService } from "./guest-service.ts";

/**
 * The kernel counts about 770 bytes for a question and grants twice what is asked for: room
 * for the 400 of a burst. It drops what a flood sends beyond, as hundreds of VMs may flood.
 */
const RECEIVE_BUFFER_BYTES = 160 * 1024;

export interface ListenAddress {
  readonly address: string;
  readonly port: number;
  /** Who alone is answered; default: everybody. */
  readonly client?: string | undefined;
}

export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

/** Rejects when the address cannot be bound. */
export async function listenUdp(at: ListenAddress, service: GuestService): Promise<Listener> {
  const socket = createSocket({
    type: isIPv6(at.address) ? "udp6" : "udp4",
    recvBufferSize: RECEIVE_BUFFER_BYTES,
  });
  await bound(socket, at);
  let closed = false;
  socket.on("message", (message, from) => {
    if (at.client !== undefined && from.address !== at.client) return;
    void service.answer(message, "udp").then((answer) => {
      // An answer that cannot be sent, such as to a VM that is just going, is asked for again or not needed.
      if (answer !== undefined && !closed) socket.send(answer, from.port, from.address, () => {});
    });
  });
  socket.on("error", () => {});
  return {
    port: socket.address().port,
    close: () => {
      closed = true;
      return new Promise((resolve) => {
        socket.close(resolve);
      });
    },
  };
}

function bound(socket: Socket, { address, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once("error", failed);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off("error", failed);
      resolve();
    });
  });
}
