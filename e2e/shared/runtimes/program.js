/**
 * One VM from launch to end through both clients of the SDK, in plain JavaScript: it is run by Node 20, by Bun and by Deno as it is. Prints what it saw as
 * one line of JSON.
 */
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { Buffer } from "node:buffer";
import { FastVM, FastvmClient, NotFoundError } from "fastvm";
import { FastVM as SameClass } from "@fastvm/sdk";

const folder = process.argv[2];
const client = new FastvmClient();
const seen = { health: (await client.health()).status, oneClass: FastVM === SameClass };

const vm = await client.vms.launch({ machineType: "c1m2", metadata: { from: "a runtime" } });
const run = await client.vms.run(vm, "cat; echo problem >&2; exit 3", { stdin: "typed", env: { A: "b" } });
seen.run = [run.exitCode, run.stdout, run.stderr];

seen.stream = [];
for await (const event of client.vms.stream(vm, "printf one; sleep 0.2; printf two >&2; exit 4")) {
  seen.stream.push(
    event.type === "exit" ? event.exitCode : [event.type, new TextDecoder().decode(event.data)],
  );
}
const abort = AbortSignal.timeout(500);
seen.aborted = await client.vms.run(vm, "sleep 60", { signal: abort }).catch((error) => error.name);

const content = new Uint8Array(3 * 1024 * 1024).map((_, index) => index % 251);
await writeFile(join(folder, "file"), content);
await mkdir(join(folder, "tree/empty"), { recursive: true });
await writeFile(join(folder, "tree/ünï code.txt"), "text");
await client.upload(vm, join(folder, "file"), "/root/file");
await client.upload(vm, join(folder, "tree"), "/root/tree");

await client.vms.pause(vm);
seen.paused = (await client.vms.get(vm)).status;
seen.resumed = (await client.vms.resume(vm)).status;

await client.download(vm, "/root/file", join(folder, "back/file"));
await client.download(vm, "/root/tree", join(folder, "back/tree"));
seen.sameBytes = Buffer.compare(await readFile(join(folder, "back/file")), content) === 0;
seen.tree = (await readdir(join(folder, "back/tree"))).toSorted();
seen.missing = await client.download(vm, "/root/nothing", join(folder, "x")).catch((error) => error.code);

const flat = new FastVM();
await flat.warmup();
seen.flat = [(await flat.get(vm.id)).memoryMib, (await flat.run(vm.id, "echo hello")).stdout];
await flat.remove(vm.id);
flat.close();
seen.gone = await client.vms.get(vm).catch((error) => error instanceof NotFoundError);
process.stdout.write(JSON.stringify(seen));
