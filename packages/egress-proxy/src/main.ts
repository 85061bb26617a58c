/**
 * The process: descriptor 3 leads to the daemon, 4 and 5 are the listeners to which the kernel leads the VM's connections, under the
 * addresses that they were made to. It ends with the daemon, and whatever it cannot bear ends it: then nothing passes.
 */
import { createServer, Socket } from "node:net";
import { EgressProxy } from "./proxy.ts";
import { encode, onMessages, type ToDaemon, type ToProxy } from "./wire.ts";

const CHANNEL = 3;
const LISTENER_IPV4 = 4;
const LISTENER_IPV6 = 5;
const BACKLOG = 512;

const channel = new Socket({ fd: CHANNEL, readable: true, writable: true });
const end = (): never => process.exit(0);
channel.on("end", end).on("close", end).on("error", end);

const proxy = new EgressProxy((message: ToDaemon) => void channel.write(encode(message)));
void start();

async function start(): Promise<void> {
  const port4 = await listen(LISTENER_IPV4);
  const port6 = process.argv.includes("--ipv6") ? await listen(LISTENER_IPV6) : undefined;
  onMessages(channel, (message) => proxy.hear(message as ToProxy));
  channel.write(encode({ kind: "ready", port4, port6 }));
}

async function listen(fd: number): Promise<number> {
  const server = createServer({ allowHalfOpen: true });
  proxy.listen(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ fd, backlog: BACKLOG }, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the listener has no port");
  return address.port;
}
