/**
 * The internet of a network test, as a program that runs in a namespace of its own: every address
 * of it echoes on some TCP and UDP ports, and tells whom it saw; a DNS server answers from names
 * that the test gives. Spoken to in lines of JSON: commands in, results and sightings out.
 */
import { createSocket } from "node:dgram";
import { createServer, connect } from "node:net";
import { createInterface } from "node:readline";
import { decode, encode } from "dns-packet";
import type { Answer, Packet } from "dns-packet";

export interface WorldSetup {
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
  readonly nameserver: string;
}

export type WorldCommand =
  | { readonly id: number; readonly kind: "names"; readonly names: Zone }
  | {
      readonly id: number;
      readonly kind: "connect" | "datagram";
      readonly address: string;
      readonly port: number;
      readonly patienceMs: number;
    };

/** `A`, `AAAA`, `CNAME` and `TXT` by name; absent names do not exist. */
export type Zone = Readonly<
  Record<string, readonly { type: "A" | "AAAA" | "CNAME" | "TXT"; data: string; ttl: number }[]>
>;

export interface Sighting {
  readonly kind: "tcp" | "udp" | "dns";
  /** Where it arrived. */
  readonly address: string;
  readonly port: number;
  /** Who came. */
  readonly remote: string;
  /** Of a question: the name. */
  readonly text: string;
}

const DNS_PORT = 53;

let zone: Zone = {};

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function see(sighting: Sighting): void {
  say({ sighting });
}

function echoTcp(address: string, port: number): void {
  createServer((socket) => {
    const remote = socket.remoteAddress ?? "";
    see({ kind: "tcp", address, port, remote, text: "" });
    socket.on("error", () => undefined);
    socket.write(`you are ${remote}\n`);
    socket.pipe(socket);
  }).listen(port, address);
}

function echoUdp(address: string, port: number): void {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (message, { address: remote, port: from }) => {
    see({ kind: "udp", address, port, remote, text: message.toString() });
    socket.send(message, from, remote);
  });
  socket.bind(port, address);
}

function resolve(name: string, type: string): { answers: Answer[]; known: boolean } {
  const answers: Answer[] = [];
  for (let next: string | undefined = name.toLowerCase(), hops = 0; next !== undefined && hops < 8; hops++) {
    const records: Zone[string] | undefined = zone[next];
    if (records === undefined) return { answers, known: answers.length > 0 };
    const alias: Zone[string][number] | undefined = records.find((record) => record.type === "CNAME");
    const own = records.filter((record) => record.type === type || record === alias);
    answers.push(...own.map((record) => ({ ...record, name: next ?? name })));
    next = alias?.data;
  }
  return { answers, known: true };
}

function respond(query: Packet, remote: string, address: string): Buffer {
  const question = query.questions?.[0];
  const name = question?.name ?? "";
  see({ kind: "dns", address, port: DNS_PORT, remote, text: name.toLowerCase() });
  const { answers, known } = resolve(name, question?.type ?? "A");
  const NXDOMAIN = 3;
  return encode({
    type: "response",
    id: query.id ?? 0,
    flags: (1 << 7) | (1 << 8) | (known ? 0 : NXDOMAIN),
    questions: query.questions ?? [],
    answers,
  });
}

function serveNames(address: string): void {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (message, { address: remote, port }) => {
    socket.send(respond(decode(message), remote, address), port, remote);
  });
  socket.bind(DNS_PORT, address);
  createServer((connection) => {
    connection.on("error", () => undefined);
    connection.once("data", (data: Buffer) => {
      const reply = respond(decode(data.subarray(2)), connection.remoteAddress ?? "", address);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(reply.length);
      connection.end(Buffer.concat([length, reply]));
    });
  }).listen(DNS_PORT, address);
}

/** The first bytes that come back, or `undefined` when nothing does in time. */
function reachTcp(address: string, port: number, patienceMs: number): Promise<string | undefined> {
  return new Promise((done) => {
    const socket = connect({ host: address, port });
    const end = (result: string | undefined): void => {
      socket.destroy();
      done(result);
    };
    socket.setTimeout(patienceMs, () => end(undefined));
    socket.on("error", () => end(undefined));
    socket.on("data", (data: Buffer) => end(data.toString()));
  });
}

function reachUdp(address: string, port: number, patienceMs: number): Promise<string | undefined> {
  return new Promise((done) => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    const end = (result: string | undefined): void => {
      clearTimeout(timer);
      socket.close();
      done(result);
    };
    const timer = setTimeout(() => end(undefined), patienceMs);
    socket.on("error", () => end(undefined));
    socket.on("message", (message) => end(message.toString()));
    socket.send("ping", port, address);
  });
}

async function obey(command: WorldCommand): Promise<void> {
  if (command.kind === "names") zone = command.names;
  const reach = command.kind === "connect" ? reachTcp : reachUdp;
  const result =
    command.kind === "names" ? "ok" : await reach(command.address, command.port, command.patienceMs);
  say({ id: command.id, result });
}

const setup = JSON.parse(process.argv[2] ?? "{}") as WorldSetup;
for (const address of setup.addresses) {
  for (const port of setup.ports) {
    echoTcp(address, port);
    echoUdp(address, port);
  }
  // Whoever asks another resolver than its own finds one.
  serveNames(address);
}
serveNames(setup.nameserver);
createInterface(process.stdin).on("line", (line) => void obey(JSON.parse(line) as WorldCommand));
process.stdin.on("end", () => process.exit(0));
say({ id: 0, result: "ready" });
