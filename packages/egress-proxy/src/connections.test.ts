/** What a connection's first words make of it: whom we dial, what we show to the guest, and what we carry as it is. */
import { once } from "node:events";
import { X509Certificate } from "node:crypto";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  allOf,
  API,
  fieldOf,
  InterceptLab,
  OTHER,
  PLACEHOLDER,
  SECRET,
  VALUE,
} from "./testing/intercept-lab.ts";

const DENIED = { allowed: false, isResolved: true, byName: false };

let lab: InterceptLab;

beforeEach(async () => {
  lab = await InterceptLab.start();
});
afterEach(() => lab[Symbol.asyncDispose]());

const request = (host = API): string =>
  `GET / HTTP/1.1\r\nHost: ${host}:${lab.port}\r\nConnection: close\r\n\r\n`;
const alertOf = (servername: string, options = {}): Promise<string> =>
  lab.shake(servername, options).then(
    () => "no alert",
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  );

/** What a client says first, as bytes. */
async function helloFor(servername: string): Promise<Buffer> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = connectTls({ host: "127.0.0.1", port, servername, ALPNProtocols: ["http/1.1"] });
  client.on("error", () => undefined);
  const [socket] = (await once(server, "connection")) as [Socket];
  const [bytes] = (await once(socket, "data")) as [Buffer];
  client.destroy();
  server.close();
  return bytes;
}

describe("before anybody is dialled the daemon is asked", () => {
  test("with the address, the port and the name; what it forbids is told by an alert, and nobody is dialled", async () => {
    lab.judge = () => DENIED;
    expect(await alertOf(API)).toMatch(/ACCESS_DENIED/);
    expect(lab.asked).toEqual([{ address: "127.0.0.1", port: lab.port, name: API, isEncrypted: false }]);
    expect(lab.dialled).toBe(0);
  });

  test("also where nobody is named, and then it gets no secret", async () => {
    lab.tls = { ...lab.tls, verifyUpstream: false };
    const socket = await lab.shake("", { checkServerIdentity: () => undefined });
    const answered = allOf(socket);
    socket.write(`GET / HTTP/1.1\r\nHost: ${API}:${lab.port}\r\nX-A: ${PLACEHOLDER}\r\n\r\n`);
    expect(await answered).toMatch(/^HTTP\/1.1 403 /);
    expect(lab.asked).toEqual([{ address: "127.0.0.1", port: lab.port, isEncrypted: false }]);
    expect(lab.blocked).toMatchObject([{ secret: "TOKEN", reason: "no_name" }]);
    expect(JSON.stringify(lab.blocked)).not.toContain(VALUE);
  });

  test("a daemon that does not answer is one that forbids", async () => {
    lab.judge = () => {
      throw new Error("gone");
    };
    expect(await alertOf(API)).toMatch(/ECONNRESET|socket disconnected/);
    expect(lab.dialled).toBe(0);
  });
});

test("the guest is shown the name's own certificate, by its authority, with the protocol that the server chose", async () => {
  const socket = await lab.shake(API, { ALPNProtocols: ["h2", "http/1.1"] });
  expect(socket.alpnProtocol).toBe("h2");
  const shown = new X509Certificate(socket.getPeerCertificate().raw);
  expect(shown.checkHost(API)).toBe(API);
  expect(shown.checkHost(OTHER)).toBeUndefined();
  expect(shown.checkIssued(new X509Certificate(lab.authority.certificate))).toBe(true);
  const without = await lab.shake(API);
  expect(without.alpnProtocol).toBe(false);
  expect(await alertOf(API, { ALPNProtocols: ["acme-tls/1"] })).toMatch(/NO_APPLICATION_PROTOCOL/);
});

test("a hello in records of one byte, and in pieces of one byte, is one hello", async () => {
  const hello = await helloFor(API);
  const message = hello.subarray(5);
  const records = Buffer.concat(Array.from(message, (byte) => Buffer.from([22, 3, 1, 0, 1, byte])));
  for (const pieces of [[records], Array.from(hello, (byte) => Buffer.from([byte]))]) {
    const socket = await lab.connect();
    const first = once(socket, "data");
    for (const piece of pieces) {
      socket.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await first;
    expect(lab.asked.at(-1)?.name).toBe(API);
    socket.destroy();
  }
});

test.each([
  ["no hello", Buffer.from([22, 3, 1, 0, 5, 2, 0, 0, 1, 0])],
  ["too much of one", Buffer.concat([Buffer.from([22, 3, 1, 0x40, 0, 1, 0, 0x40, 0]), Buffer.alloc(17_000)])],
])("%s leads nowhere", async (_name, bytes) => {
  const socket = await lab.connect();
  const answered = allOf(socket);
  socket.write(bytes);
  expect(Buffer.from(await answered, "latin1").subarray(0, 1)).toEqual(Buffer.from([21]));
  expect(lab.asked).toEqual([]);
});

describe("the server is who it is said to be", () => {
  test("or there is no connection", async () => {
    lab.tls = { ...lab.tls, upstreamAuthorities: [] };
    expect(await alertOf(API)).toMatch(/UNKNOWN_CA/);
  });

  test("by an authority that counts for its name alone", async () => {
    const [certificates = ""] = lab.tls.upstreamAuthorities;
    lab.tls = { ...lab.tls, upstreamAuthorities: [], scopedAuthorities: [{ host: API, certificates }] };
    expect(await alertOf(API)).toBe("no alert");
    expect(await alertOf(OTHER)).toMatch(/UNKNOWN_CA/);
  });

  test("unless nobody wants to know of it", async () => {
    lab.tls = {
      ...lab.tls,
      upstreamAuthorities: [],
      scopedVerification: [{ host: "api.test", verify: false }],
    };
    expect(await alertOf(API)).toBe("no alert");
    expect(await alertOf(OTHER)).toMatch(/UNKNOWN_CA/);
    lab.tls = { ...lab.tls, verifyUpstream: false };
    expect(await alertOf(OTHER)).toBe("no alert");
  });
});

describe("what is bypassed", () => {
  test("is carried as it is: the guest sees the server's own certificate, and no secret goes in", async () => {
    lab.tls = { ...lab.tls, bypass: ["*.test"] };
    expect(await alertOf(API)).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED|unable/i);
    const socket = await lab.shake(API, { ca: lab.tls.upstreamAuthorities[0] ?? "" });
    const answered = allOf(socket);
    socket.write(request().replace("\r\n\r\n", `\r\nX-A: ${PLACEHOLDER}\r\n\r\n`));
    expect(await answered).toMatch(/^HTTP\/1.1 200 /);
    expect(lab.seen.map((seen) => fieldOf(seen, "x-a"))).toEqual([PLACEHOLDER]);
  });

  test("is asked for all the same", async () => {
    lab.tls = { ...lab.tls, bypass: ["*.test"] };
    lab.judge = () => DENIED;
    expect(await alertOf(API)).toMatch(/ACCESS_DENIED/);
    expect(lab.dialled).toBe(0);
  });

  test("may have no hidden name where it is a name that opens the address", async () => {
    lab.tls = { ...lab.tls, bypass: ["*.test"] };
    for (const byName of [true, false]) {
      lab.judge = () => ({ allowed: true, isResolved: true, byName });
      const socket = await lab.connect();
      const first = once(socket, "data");
      socket.write(withHiddenName(await helloFor(API)));
      const [[type]] = (await first) as [Buffer];
      // An alert, or the server's word.
      expect(type).toBe(byName ? 21 : 22);
      socket.destroy();
    }
  });
});

test("a hidden name is one that nobody sees: what is intercepted is the server that was named", async () => {
  const socket = await lab.connect();
  const first = once(socket, "data");
  socket.write(withHiddenName(await helloFor(API)));
  const [[type]] = (await first) as [Buffer];
  expect(type).toBe(22);
  expect(lab.asked).toMatchObject([{ name: API, isEncrypted: true }]);
});

/** With an extension of encrypted hellos at its end. */
function withHiddenName(hello: Buffer): Buffer {
  const body = Buffer.alloc(40, 7);
  const bytes = Buffer.concat([hello, Buffer.from([0xfe, 0x0d, 0, body.length]), body]);
  let at = 9 + 34;
  at += 1 + (bytes[at] ?? 0);
  at += 2 + bytes.readUInt16BE(at);
  at += 1 + (bytes[at] ?? 0);
  const more = body.length + 4;
  bytes.writeUInt16BE(bytes.readUInt16BE(at) + more, at);
  bytes.writeUInt16BE(bytes.readUInt16BE(3) + more, 3);
  bytes.writeUIntBE(bytes.readUIntBE(6, 3) + more, 6, 3);
  return bytes;
}

describe("in the clear", () => {
  let plain: InterceptLab;

  beforeEach(async () => {
    plain = await InterceptLab.start({ plain: true });
  });
  afterEach(() => plain[Symbol.asyncDispose]());

  async function send(text: string): Promise<string> {
    const socket = await plain.connect();
    const answered = allOf(socket);
    socket.write(text);
    return await answered;
  }

  test("a request passes by its host's name, without secrets", async () => {
    const text = `GET / HTTP/1.1\r\nHost: ${API}:${plain.port}\r\nConnection: close\r\n`;
    expect(await send(`${text}\r\n`)).toMatch(/^HTTP\/1.1 200 /);
    expect(plain.asked).toEqual([{ address: "127.0.0.1", port: plain.port, name: API, isEncrypted: false }]);
    expect(await send(`${text}X-A: ${PLACEHOLDER}\r\n\r\n`)).toMatch(/^HTTP\/1.1 403 /);
    expect(plain.seen).toHaveLength(1);
    expect(plain.blocked).toMatchObject([{ reason: "plain_http", host: API }]);
  });

  test("unless the secret need not be sent over TLS", async () => {
    plain.secrets = [{ ...SECRET, requireTls: false }];
    await send(
      `GET / HTTP/1.1\r\nHost: ${API}:${plain.port}\r\nConnection: close\r\nX-A: ${PLACEHOLDER}\r\n\r\n`,
    );
    expect(plain.seen.map((seen) => fieldOf(seen, "x-a"))).toEqual([VALUE]);
  });

  test("to an address alone it gets none, and what the daemon forbids is not dialled", async () => {
    plain.secrets = [{ ...SECRET, requireTls: false, hosts: ["*"] }];
    const text = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${plain.port}\r\nConnection: close\r\nX-A: ${PLACEHOLDER}\r\n\r\n`;
    expect(await send(text)).toMatch(/^HTTP\/1.1 403 /);
    expect(plain.blocked).toMatchObject([{ reason: "no_name" }]);
    plain.judge = () => DENIED;
    expect(await send(text)).toBe("");
    expect(plain.seen).toEqual([]);
  });

  test("something else than a request leads nowhere", async () => {
    await send("SSH-2.0-client\r\n\r\n");
    expect([plain.dialled, plain.asked]).toEqual([0, []]);
  });
});
