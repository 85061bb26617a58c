/** Files by name and content, and another text in place of one. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { machinesApp, type MachinesApp } from "../../../../testing/machines-app.ts";

let api: MachinesApp;
let id: string;

const FILES = {
  "/workspace/a.txt": "one\nTwo one\nthree one one\n",
  "/workspace/src/b.ts": "const one = 1;\n",
  "/workspace/src/c.md": "nothing\n",
  "/workspace/bytes": Buffer.from([0x6f, 0x6e, 0x65, 0xff]),
  "/workspace/nul": "one\0",
};

beforeEach(async () => {
  api = await machinesApp();
  ({ id } = await api.ok("POST /v1/machines", {}));
  for (const [path, payload] of Object.entries(FILES)) await write(path, payload);
});
afterEach(() => api[Symbol.asyncDispose]());

const write = (path: string, payload: string | Buffer) =>
  api.ok(`PUT /v1/machines/${id}/files/content?path=${path}`, undefined, { payload });
const read = async (path: string) =>
  (await api.call(`GET /v1/machines/${id}/files/content?path=${path}`)).text;
const search = (body: object = {}) =>
  api.ok(`POST /v1/machines/${id}/files/search`, { path: "/workspace", ...body });
const replace = (body: object = {}) =>
  api.ok(`POST /v1/machines/${id}/files/replace`, {
    path: "/workspace",
    text: "one",
    replacement: "1",
    ...body,
  });
const told = (found: { matches: { path: string; line: number | null; text: string | null }[] }) =>
  found.matches.map(({ path, line, text }) => `${path}:${line}:${text}`);

test("files are found by name, wherever they are below the folder", async () => {
  const names = async (name: string) =>
    (await search({ name })).matches.map(({ path }: { path: string }) => path.split("/").at(-1));
  expect(await names("*.ts")).toEqual(["b.ts"]);
  expect(await names("?.*")).toEqual(["a.txt", "b.ts", "c.md"]);
  expect(await names("*t*t")).toEqual(["a.txt"]);
  expect(await names("b")).toEqual([]);
  expect((await search()).matches[0]).toEqual({ path: "/workspace/a.txt", line: null, text: null });
});

test("text is found by line, as it stands, in what is text", async () => {
  expect(told(await search({ text: "one" }))).toEqual([
    "/workspace/a.txt:1:one",
    "/workspace/a.txt:2:Two one",
    "/workspace/a.txt:3:three one one",
    "/workspace/src/b.ts:1:const one = 1;",
  ]);
  expect(told(await search({ text: "two" }))).toEqual([]);
  expect(told(await search({ text: "two", case_sensitive: false }))).toEqual(["/workspace/a.txt:2:Two one"]);
  expect(told(await search({ text: "o.e" }))).toEqual([]);
  const first = await search({ text: "one", limit: 1 });
  expect({ told: told(first), truncated: first.truncated }).toEqual({
    told: ["/workspace/a.txt:1:one"],
    truncated: true,
  });
  expect((await search({ text: "one" })).truncated).toBe(false);
});

test("text is replaced in all files that have it, once that is not only tried", async () => {
  const files = [
    { path: "/workspace/a.txt", replacements: 4 },
    { path: "/workspace/src/b.ts", replacements: 1 },
  ];
  const answer = { files, replacements: 5, truncated: false };
  expect(await replace({ dry_run: true })).toEqual({ ...answer, dry_run: true });
  expect(await read("/workspace/a.txt")).toBe(FILES["/workspace/a.txt"]);
  expect(await replace()).toEqual({ ...answer, dry_run: false });
  expect(await read("/workspace/a.txt")).toBe("1\nTwo 1\nthree 1 1\n");
  expect(await replace()).toMatchObject({ files: [], replacements: 0 });
  await replace({ text: "TWO", replacement: "$&", case_sensitive: false, name: "*.txt" });
  expect(await read("/workspace/a.txt")).toBe("1\n$& 1\nthree 1 1\n");
});

test("a file keeps its permissions", async () => {
  await api.ok(`POST /v1/machines/${id}/files/permissions`, { path: "/workspace/a.txt", mode: "0750" });
  await replace();
  const info = await api.ok(`GET /v1/machines/${id}/files/info?path=/workspace/a.txt`);
  expect(info.mode).toBe("0750");
});

test("what is reserved is refused, and passed over", async () => {
  api.fastvm.worker.files.set(
    `${id.replace(/^mch_(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")}:/workspace/.nullspace/x`,
    Buffer.from("one"),
  );
  expect((await search({ text: "one" })).matches).toHaveLength(4);
  for (const path of ["/workspace/.nullspace", "relative"]) {
    const answer = await api.call(`POST /v1/machines/${id}/files/search`, { path });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", field: "path" } });
  }
  const none = await api.call(`POST /v1/machines/${id}/files/search`, { path: "/none" });
  expect(none).toMatchObject({ status: 404, body: { code: "file_not_found" } });
});
