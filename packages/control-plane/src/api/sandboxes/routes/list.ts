/** GET /v1/sandboxes: by pages, newest first. A cursor is where a page ended, so what comes and goes meanwhile moves nothing. */
import type { Sandbox } from "../../../engine/engine.ts";
import type { SandboxesScope } from "../sandboxes-scope.ts";
import { invalid } from "../spec/invalid.ts";
import { sandboxView } from "../views/sandbox-view.ts";

const DEFAULT_LIMIT = 20;

interface Place {
  readonly createdAt: number;
  readonly id: string;
}

export function registerListSandboxes({ routes, engine }: SandboxesScope): void {
  routes.serve("listSandboxes", async ({ query }, caller) => {
    const pairs = pairsOf(query["labels"]);
    const after = query["cursor"] === undefined ? undefined : placeOf(String(query["cursor"]));
    const meant = (await engine.sandboxes.list(caller)).filter(
      ({ sandbox }) => hasAll(sandbox.labels, pairs) && (after === undefined || isAfter(sandbox, after)),
    );
    const page = meant.slice(0, Number(query["limit"] ?? DEFAULT_LIMIT));
    const hasMore = page.length < meant.length;
    return {
      status: 200,
      body: { data: page.map(sandboxView), next_cursor: hasMore ? cursorOf(page) : null, has_more: hasMore },
    };
  });
}

function pairsOf(json: string | string[] | undefined): readonly [string, unknown][] {
  if (json === undefined) return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(String(json));
  } catch {
    parsed = undefined;
  }
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return Object.entries(parsed);
  throw invalid("labels", "must be a JSON object");
}

function hasAll(labels: Readonly<Record<string, string>>, pairs: readonly [string, unknown][]): boolean {
  return pairs.every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value);
}

function isAfter({ createdAt, id }: Place, after: Place): boolean {
  return createdAt < after.createdAt || (createdAt === after.createdAt && id > after.id);
}

function cursorOf(page: readonly Sandbox[]): string | null {
  const last = page.at(-1)?.sandbox;
  return last === undefined ? null : Buffer.from(`${last.createdAt} ${last.id}`).toString("base64url");
}

function placeOf(cursor: string): Place {
  const [, createdAt, id] =
    /^(\d{1,16}) ([0-9a-f-]{36})$/.exec(Buffer.from(cursor, "base64url").toString()) ?? [];
  if (createdAt !== undefined && id !== undefined) return { createdAt: Number(createdAt), id };
  throw invalid("cursor", "is none that a page came with");
}
