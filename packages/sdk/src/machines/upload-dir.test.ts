/** A folder that goes into a machine: what is sent, what is left out, and what becomes of files that are there. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { Machine } from "../machines.ts";
import { json, WireServer } from "../testing/wire-server.ts";

const folder = mkdtempSync(join(tmpdir(), "fastvm-upload-dir-"));
afterAll(() => rmSync(folder, { recursive: true }));

mkdirSync(join(folder, "src/cache"), { recursive: true });
writeFileSync(join(folder, "src/main.py"), "print(1)\n", { mode: 0o755 });
writeFileSync(join(folder, "src/cache/x"), "left out");
writeFileSync(join(folder, "notes.log"), "left out");
writeFileSync(join(folder, "kept.log"), "kept");
symlinkSync("kept.log", join(folder, "link"));
symlinkSync("nowhere", join(folder, "broken"));
writeFileSync(join(folder, ".nullspaceignore"), "*.log\n!kept.log\n.nullspaceignore\n");

const FILE = { path: "/srv/app/x", type: "file", mode: "0644" };
const MACHINE = json(200, { id: "mch_1", status: "running" });

async function connect(server: WireServer) {
  return (await Machine.attach("mch_1", { apiKey: "ns_live_key", baseUrl: server.url })).files;
}

it("its files go with their permissions, without what is ignored, links as what they lead to", async () => {
  await using server = await WireServer.start(MACHINE, ...Array.from({ length: 5 }, () => json(200, FILE)));
  const files = await connect(server);
  const told: string[] = [];
  const sent = await files.uploadDir(folder, "/srv/app", {
    ignore: ["**/cache"],
    concurrency: 1,
    onProgress: (path, done, total) => told.push(`${path} ${done}/${total}`),
  });
  expect(sent).toEqual({
    uploaded: ["/srv/app/kept.log", "/srv/app/link", "/srv/app/src/main.py"],
    skipped: [],
  });
  expect(told).toEqual(["/srv/app/kept.log 1/3", "/srv/app/link 2/3", "/srv/app/src/main.py 3/3"]);
  const requests = server.requests.slice(1);
  expect(requests.map(({ method, url, body }) => `${method} ${decodeURIComponent(url)} ${body}`)).toEqual([
    'POST /v1/machines/mch_1/files/mkdir {"path":"/srv/app"}',
    'POST /v1/machines/mch_1/files/mkdir {"path":"/srv/app/src","mode":"0755"}',
    "PUT /v1/machines/mch_1/files/content?path=/srv/app/kept.log&mode=0644 kept",
    "PUT /v1/machines/mch_1/files/content?path=/srv/app/link&mode=0644 kept",
    "PUT /v1/machines/mch_1/files/content?path=/srv/app/src/main.py&mode=0755 print(1)\n",
  ]);
});

it("files that are there stay with skip, and with fail nothing is sent", async () => {
  const there = json(200, { entries: [{ ...FILE, path: "/srv/app/kept.log" }], has_more: false });
  const two = [json(200, FILE), there];
  await using server = await WireServer.start(
    MACHINE,
    ...two,
    ...Array.from({ length: 4 }, () => json(200, FILE)),
    ...two,
  );
  const files = await connect(server);
  const options = { ignore: ["**/cache"] };
  expect(await files.uploadDir(folder, "/srv/app", { ...options, onConflict: "skip" })).toEqual({
    uploaded: ["/srv/app/link", "/srv/app/src/main.py"],
    skipped: ["/srv/app/kept.log"],
  });
  await expect(files.uploadDir(folder, "/srv/app", { ...options, onConflict: "fail" })).rejects.toMatchObject(
    {
      code: "upload_conflict",
      message: "/srv/app/kept.log are there; nothing was sent",
    },
  );
  expect(server.requests).toHaveLength(9);
});
