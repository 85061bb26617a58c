/** Lists by pages, newest first. A page's token is where it ended, so what comes and goes meanwhile moves nothing. */
import { FastvmError } from "@fastvm/contract";

interface Listed {
  readonly id: string;
  readonly createdAt: number;
}

interface Page<T> {
  readonly items: readonly T[];
  readonly nextToken: string | null;
}

/** `all` is sorted: newest first, by id among equals. */
export function pageOf<T extends Listed>(
  all: readonly T[],
  limit: number,
  token: string | undefined,
): Page<T> {
  const after = token === undefined ? undefined : placeOf(token);
  const rest = after === undefined ? all : all.filter((item) => isAfter(item, after));
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return { items, nextToken: last === undefined || items.length === rest.length ? null : tokenOf(last) };
}

function isAfter(item: Listed, { id, createdAt }: Listed): boolean {
  return item.createdAt < createdAt || (item.createdAt === createdAt && item.id > id);
}

function tokenOf({ id, createdAt }: Listed): string {
  return Buffer.from(`${createdAt} ${id}`).toString("base64url");
}

function placeOf(token: string): Listed {
  const [, createdAt, id] =
    /^(\d{1,16}) ([0-9a-f-]{36})$/.exec(Buffer.from(token, "base64url").toString()) ?? [];
  if (createdAt !== undefined && id !== undefined) return { id, createdAt: Number(createdAt) };
  throw new FastvmError("invalid_request", "next_token is none that a page came with", {
    field: "next_token",
  });
}
