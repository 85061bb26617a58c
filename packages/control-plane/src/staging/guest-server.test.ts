import { once } from "node:events";
import { request as requestHttp } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { duplexPair } from "node:stream";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { connect } from "node:tls";
import { expect, test } from "vitest";
import { selfSigned } from "../http/testing/self-signed.ts";
import { serveGuests } from "./guest-server.ts";

const certificate = selfSigned();
const accept = serveGuests((request, response) => {
  void text(request).then((body) => response.end(`${request.method} ${body}`));
}, certificate);

/** The guest's end of a connection. */
function carried(): Duplex {
  const [guest, host] = duplexPair();
  accept(host);
  return guest;
}

async function answer(sent: ClientRequest): Promise<string> {
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return await text(response);
}

test("a guest is answered with TLS and without, at the same address", async () => {
  const secure = connect({ socket: carried(), ca: certificate.cert, servername: "localhost" });
  await once(secure, "secureConnect");
  for (const stream of [secure, carried()]) {
    const sent = requestHttp({ createConnection: () => stream, method: "PUT" }).end("some words");
    expect(await answer(sent)).toBe("PUT some words");
  }
});

test("one that says nothing, or goes, is no harm", async () => {
  const guest = carried();
  guest.end();
  await once(guest.resume(), "end");
  expect(await answer(requestHttp({ createConnection: carried }).end())).toBe("GET ");
});
