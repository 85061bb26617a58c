/** What routes to files have in common, of whomever the files are. */
import { pipeline } from "node:stream/promises";
import type { FastifyReply } from "fastify";
import { absolute } from "./vms/absolute-path.ts";

/** As the schema says. */
export const DEFAULT_LIMIT = 1000;

type Query = Readonly<Record<string, string | string[]>>;

/** Resolves when all of it is on its way. Rejects when that breaks off, by which the client sees that it is not whole. */
export async function sendBytes(reply: FastifyReply, content: AsyncIterable<Uint8Array>): Promise<void> {
  reply.hijack();
  reply.raw.writeHead(200, { "content-type": "application/octet-stream", "cache-control": "no-store" });
  await pipeline(content, reply.raw);
}

export function pathIn(query: Query): string {
  return absolute(String(query["path"]));
}

export function textIn(query: Query, name: string): string | undefined {
  const value = query[name];
  return value === undefined ? undefined : String(value);
}

/** Validation has made it a boolean. */
export function isSet(query: Query, name: string): boolean {
  return textIn(query, name) === "true";
}

export function modeOf(text: string | null | undefined): number | undefined {
  return text === undefined || text === null ? undefined : Number.parseInt(text, 8);
}
