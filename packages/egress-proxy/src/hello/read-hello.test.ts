import { createServer, type AddressInfo } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { expect, test } from "vitest";
import { isHostName, readHello } from "./read-hello.ts";

/** What Node says first. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const heard = new Promise<Buffer>((resolve) => {
    server.once("connection", (socket) => socket.once("data", (bytes) => (socket.destroy(), resolve(bytes))));
  });
  const client = connectTls({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", ...options });
  client.on("error", () => undefined);
  const bytes = await heard;
  server.close();
  return bytes;
}

const OPTIONS = { servername: "Api.Example.test", ALPNProtocols: ["h2", "http/1.1"] };

/** The same message in records of `size` bytes. */
function inRecordsOf(size: number, hello: Buffer): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part);
  }
  return Buffer.concat(records);
}

/** Puts an extension at the end of a hello, and makes all lengths right. */
function withExtension(hello: Buffer, type: number, body: Buffer): Buffer {
  const bytes = Buffer.concat([hello, Buffer.alloc(4), body]);
  bytes.writeUInt16BE(type, hello.length);
  bytes.writeUInt16BE(body.length, hello.length + 2);
  let at = 9 + 34;
  at += 1 + (bytes[at] ?? 0);
  at += 2 + bytes.readUInt16BE(at);
  at += 1 + (bytes[at] ?? 0);
  const more = 4 + body.length;
  bytes.writeUInt16BE(bytes.readUInt16BE(at) + more, at);
  bytes.writeUInt16BE(bytes.readUInt16BE(3) + more, 3);
  bytes.writeUIntBE(bytes.readUIntBE(6, 3) + more, 6, 3);
  return bytes;
}

test("name and protocols are read, at whatever byte the hello is cut, and in whatever records it comes", async () => {
  const hello = await helloOf(OPTIONS);
  const wanted = {
    kind: "hello",
    serverName: "api.example.test",
    protocols: ["h2", "http/1.1"],
    isEncrypted: false,
  };
  expect(readHello(hello)).toEqual(wanted);
  for (let length = 0; length < hello.length; length += 1)
    expect(readHello(hello.subarray(0, length)).kind, `${length} bytes`).toBe("incomplete");
  for (const size of [1, 2, 3, 4, 5, 100]) {
    const records = inRecordsOf(size, hello);
    expect(readHello(records), `records of ${size}`).toEqual(wanted);
    expect(readHello(records.subarray(0, -1)).kind).toBe("incomplete");
  }
});

test("a client may name nobody and offer nothing", async () => {
  expect(readHello(await helloOf({}))).toEqual({
    kind: "hello",
    serverName: undefined,
    protocols: [],
    isEncrypted: false,
  });
});

test("an encrypted hello is seen; a second name, a second list, an address for a name and bytes behind are malformed", async () => {
  const hello = await helloOf(OPTIONS);
  expect(readHello(withExtension(hello, 0xfe0d, Buffer.alloc(20)))).toMatchObject({ isEncrypted: true });
  expect(readHello(withExtension(hello, 0, Buffer.from("\0\x07\0\0\x04evil", "latin1"))).kind).toBe(
    "malformed",
  );
  const nameless = await helloOf({});
  const named = (list: string) => readHello(withExtension(nameless, 0, Buffer.from(list, "latin1")));
  expect(named("\0\x07\0\0\x04a.zz")).toMatchObject({ serverName: "a.zz" });
  expect(named("\0\x0e\0\0\x04a.zz\0\0\x04b.zz").kind).toBe("malformed");
  expect(named("\0\x0a\0\0\x071.2.3.4").kind).toBe("malformed");
  expect(named("\0\x08\0\0\x05a.zz\0").kind).toBe("malformed");
  expect(readHello(Buffer.concat([hello.subarray(0, 3), Buffer.from([0, 0])])).kind).toBe("malformed");
});

test("what is no TLS is plain, and another record, or another message, is malformed", () => {
  expect(readHello(Buffer.from("GET / HTTP/1.1\r\n")).kind).toBe("plain");
  expect(readHello(Buffer.from([22, 2])).kind).toBe("malformed");
  expect(readHello(Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0])).kind).toBe("malformed");
  expect(readHello(Buffer.from([22, 3, 1, 0, 4, 1, 0xff, 0, 0])).kind).toBe("malformed");
});

test("names of hosts are what a certificate can be for", () => {
  for (const name of ["a", "a.b-c.d", "_x.example", "xn--bcher-kva.example"])
    expect(isHostName(name)).toBe(true);
  for (const name of ["", ".", "a..b", "a.", "1.2.3.4", "::1", "a b", "a/b", "a\0", `${"a".repeat(64)}.b`])
    expect(isHostName(name), name).toBe(false);
});
