/** The guest: asks the origin by the way that each command names. `client.ts <authorities in JSON>`: lines of JSON in and out. */
import { Agent, request } from "node:https";
import { createInterface } from "node:readline";
import { timed } from "../statistics.ts";
import { PLACES, WAYS } from "./wire.ts";
import type { ClientCommand, Way } from "./wire.ts";

const ca = JSON.parse(process.argv[2] ?? "[]") as string[];
/** Without a request a server of ours keeps a connection, too. */
const held: Agent[] = [];

function ask(way: Way, bytes: number, agent: Agent): Promise<void> {
  const { name, port } = WAYS[way];
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: PLACES.origin, servername: name, port, path: `/${bytes}`, agent, ca },
      (response) => response.on("end", resolve).on("error", reject).resume(),
    );
    sent.setHeader("host", `${name}:${port}`);
    sent.on("error", reject).end();
  });
}

/** Without sessions to go on with: each shakes hands as a whole. */
function agentOf(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 0 });
}

async function once(way: Way, bytes: number, keep = false): Promise<void> {
  const agent = agentOf();
  await ask(way, bytes, agent);
  if (keep) held.push(agent);
  else agent.destroy();
}

async function inTurns(count: number, atOnce: number, work: () => Promise<void>): Promise<void> {
  let left = count;
  const turn = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await work();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, turn));
}

async function obey(command: ClientCommand): Promise<unknown> {
  const { kind, way } = command;
  if (kind === "connections") return timed(() => inTurns(command.count, command.atOnce, () => once(way, 2)));
  if (kind === "hold") return inTurns(command.count, 8, () => once(way, 2, true));
  const agent = agentOf();
  await ask(way, 2, agent);
  try {
    if (kind === "download") return await timed(() => ask(way, command.bytes, agent));
    const samples: number[] = [];
    for (let at = 0; at < command.count; at += 1) samples.push(await timed(() => ask(way, 2, agent)));
    return samples;
  } finally {
    agent.destroy();
  }
}

for await (const line of createInterface(process.stdin)) {
  const result = await obey(JSON.parse(line) as ClientCommand);
  process.stdout.write(`${JSON.stringify(result ?? null)}\n`);
}
process.exit(0);
