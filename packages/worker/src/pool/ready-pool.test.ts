import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Snapshot } from "../snapshot/folder.ts";
import { ReadyPool } from "./ready-pool.ts";

interface Thing {
  readonly of: string;
  readonly end: () => void;
}

const SIZE = 2;
const ITEM_MIB = 50;

let root: string;
let open: Thing[];
/** At any time. */
let most: number;
let itemMib: (template: string) => number;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "fastvm-ready-pool-"));
  open = [];
  most = 0;
  itemMib = () => ITEM_MIB;
});
afterEach(() => rm(root, { recursive: true }));

async function template(name: string): Promise<Snapshot> {
  const folder = join(root, name);
  await mkdir(folder);
  await writeFile(join(folder, "memory"), "");
  return {
    folder,
    manifest: { compatibility: { qemu: { digest: "one" } } } as unknown as Snapshot["manifest"],
  };
}

/** Of things that are nothing but their template's name. */
function poolOf(memoryMib: number, growth: { maxSize?: number; idleMs?: number } = {}): ReadyPool<Thing> {
  const endings = new Map<Thing, Promise<void>>();
  return new ReadyPool<Thing>({
    size: SIZE,
    ...growth,
    memoryMib,
    servesByFile: "memory",
    open: async ({ folder }) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const thing = { of: folder.slice(root.length + 1), end: resolve };
      endings.set(thing, promise);
      open.push(thing);
      most = Math.max(most, open.length);
      return thing;
    },
    close: async (thing) => void open.splice(open.indexOf(thing), 1),
    ended: async (thing) => await endings.get(thing),
    memoryMibOf: async (thing) => itemMib(thing.of),
    onError: (error) => expect.unreachable(String(error)),
  });
}

const ready = (): Record<string, number> =>
  Object.fromEntries(
    [...new Set(open.map((thing) => thing.of))]
      .toSorted()
      .map((name) => [name, open.filter((thing) => thing.of === name).length]),
  );

test("each template that is served has its own", async () => {
  const pool = poolOf(1_000);
  const [a, b] = [await template("a"), await template("b")];
  await pool.serve(a);
  await pool.serve(b);
  expect(ready()).toEqual({ a: SIZE, b: SIZE });
  expect((await pool.take(a))?.of).toBe("a");
  expect((await pool.take(b))?.of).toBe("b");
  expect(await pool.take(await template("c"))).toBeUndefined();
  await pool.close();
});

test("beyond the bound of memory, templates that nobody asked for in the longest time go without", async () => {
  const pool = poolOf(4 * ITEM_MIB);
  const [a, b, c] = [await template("a"), await template("b"), await template("c")];
  await pool.serve(a);
  await pool.serve(b);
  await pool.serve(a);
  await pool.serve(c);
  expect(ready()).toEqual({ a: SIZE, c: SIZE });
  expect(pool.ready).toBe(2 * SIZE);
  await pool.close();
  expect(open).toEqual([]);
});

test("what is left of the bound is used by the next in turn, and never more than the bound", async () => {
  itemMib = (name) => (name === "large" ? 90 : 30);
  const pool = poolOf(220);
  await pool.serve(await template("small"));
  await pool.serve(await template("large"));
  expect(ready()).toEqual({ large: 2, small: 1 });
  await pool.close();
});

test("a template of which a single one is too large has none, and takes none from the others", async () => {
  itemMib = (name) => (name === "huge" ? 500 : ITEM_MIB);
  const pool = poolOf(2 * ITEM_MIB);
  await pool.serve(await template("a"));
  await pool.serve(await template("huge"));
  expect(ready()).toEqual({ a: SIZE });
  await pool.close();
});

test("a launch that prefers its template brings it to the front of the next filling", async () => {
  const pool = poolOf(2 * ITEM_MIB);
  const [a, b] = [await template("a"), await template("b")];
  await pool.serve(a);
  await pool.during(async () => {
    await Promise.all([pool.prefer(b), pool.prefer(b)]);
    expect(await pool.take(b)).toBeUndefined();
  });
  await vi.waitFor(() => expect(ready()).toEqual({ b: SIZE }), { timeout: 10_000 });
  await pool.close();
});

test("one that ended while it waited is made again", async () => {
  const pool = poolOf(1_000);
  await pool.serve(await template("a"));
  const [dead] = open;
  dead?.end();
  await vi.waitFor(() => expect(open.includes(dead as Thing)).toBe(false), { timeout: 10_000 });
  await vi.waitFor(() => expect(ready()).toEqual({ a: SIZE }), { timeout: 10_000 });
  await pool.close();
});

test("those who ask at once for a full pool do not make it fuller than that", async () => {
  const pool = poolOf(1000);
  const one = await template("one");
  await Promise.all([pool.serve(one), pool.serve(one), pool.serve(one), pool.serve(one)]);
  expect(most).toBe(SIZE);
  await pool.close();
});

test("launches that find none make it larger, within its memory, until a while has passed in which all found one", async () => {
  const pool = poolOf(3 * ITEM_MIB, { maxSize: 8, idleMs: 300 });
  const one = await template("one");
  await pool.serve(one);
  await pool.during(async () => {
    for (let times = 0; times < SIZE; times++) open.splice(open.indexOf((await pool.take(one)) as Thing), 1);
    expect(await pool.take(one)).toBeUndefined();
    expect(await pool.take(one)).toBeUndefined();
  });
  // Two were missed; there is memory for one more.
  await vi.waitFor(() => expect(ready()).toEqual({ one: SIZE + 1 }), { timeout: 10_000 });
  await vi.waitFor(() => expect(ready()).toEqual({ one: SIZE }), { timeout: 10_000 });
  await pool.close();
});
