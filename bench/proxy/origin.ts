/** An HTTPS server that answers `/N` with N bytes. `origin.ts <its authority in JSON>`; says `ready`, and ends with its input. */
import { createServer } from "node:https";
import type { SecureContext } from "node:tls";
import { Authority } from "../../packages/egress-proxy/src/authority/authority.ts";
import { Leaves } from "../../packages/egress-proxy/src/authority/leaves.ts";
import { DIRECT_PORT, INTERCEPTED_PORT, PLACES } from "./wire.ts";
import type { Keys } from "./wire.ts";

const CHUNK = Buffer.alloc(64 * 1024, "x");

const keys = JSON.parse(process.argv[2] ?? "") as Keys;
const leaves = new Leaves(await Authority.open(keys), { capacity: 10, validityHours: 1 });
type Certified = (error: Error | null, context?: SecureContext) => void;

async function certify(name: string, done: Certified): Promise<void> {
  done(null, await leaves.of(name));
}

const options = {
  ALPNProtocols: ["http/1.1"],
  SNICallback: (name: string, done: Certified) => void certify(name, done),
};

for (const port of [DIRECT_PORT, INTERCEPTED_PORT]) {
  const server = createServer(options, (request, response) => {
    let left = Number(request.url?.slice(1));
    response.writeHead(200, { "content-length": left });
    const send = (): void => {
      while (left > 0) {
        const part = CHUNK.subarray(0, left);
        left -= part.length;
        if (!response.write(part)) return void response.once("drain", send);
      }
      response.end();
    };
    send();
  });
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(port, PLACES.origin, resolve));
}
process.stdin.on("end", () => process.exit(0)).resume();
process.stdout.write("ready\n");
