/** What is done with files of a guest that answers. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { VmId } from "../../../model/ids.ts";
import type { FileEvent } from "../../file-access.ts";
import type { WorkerPort } from "../../worker-port.ts";
import { caller, chunks, expectPending } from "../worker-lab.ts";
import type { PortTester } from "../worker-lab.ts";

type Guest = () => { readonly worker: WorkerPort; readonly vmId: VmId };

export function describeFiles(tester: () => PortTester): void {
  describe("files of a running guest", () => {
    let vmId: VmId;
    const guest: Guest = () => ({ worker: tester().worker, vmId });

    beforeAll(async () => {
      vmId = await tester().launched();
    });

    afterAll(async () => {
      await tester().worker.deleteVm(vmId);
    });

    testContents(guest);
    testPages(guest);
    testRefusals(guest);
    testWatching(guest);
  });
}

function testContents(guest: Guest): void {
  test("are written, told of, read, moved and removed", async () => {
    const { worker, vmId } = guest();
    await worker.writeFile(vmId, "/root/a/b/file", chunks("one ", "two"), { mode: 0o600 });
    expect(await worker.fileInfo(vmId, "/root/a/b/file")).toMatchObject({
      path: "/root/a/b/file",
      type: "file",
      mode: 0o600,
      sizeBytes: 7,
      uid: 0,
    });
    await worker.setFileMode(vmId, "/root/a/b/file", 0o640);
    await worker.renameFile(vmId, "/root/a/b/file", "/root/a/c/moved");
    expect(await worker.fileInfo(vmId, "/root/a/c/moved")).toMatchObject({ mode: 0o640, sizeBytes: 7 });
    expect(await text(await worker.readFile(vmId, "/root/a/c/moved"))).toBe("one two");
    await worker.writeFile(vmId, "/root/empty", chunks());
    expect(await text(await worker.readFile(vmId, "/root/empty"))).toBe("");
    await worker.removeFile(vmId, "/root/a", { recursive: true });
    await expect(worker.fileInfo(vmId, "/root/a")).rejects.toMatchObject({ code: "file_not_found" });
  });
}

function testPages(guest: Guest): void {
  test("are listed in pages and to a depth", async () => {
    const { worker, vmId } = guest();
    for (const name of ["3", "1/x", "2"]) await worker.writeFile(vmId, `/root/list/${name}`, chunks("x"));
    const pathsOf = async (options: { limit: number; depth?: number; after?: string }) => {
      const { entries, hasMore } = await worker.listFiles(vmId, "/root/list", options);
      return [entries.map(({ path }) => path.slice("/root/list".length)), hasMore];
    };
    expect(await pathsOf({ limit: 9 })).toEqual([["/1", "/2", "/3"], false]);
    expect(await pathsOf({ limit: 9, depth: 2 })).toEqual([["/1", "/1/x", "/2", "/3"], false]);
    expect(await pathsOf({ limit: 9, depth: 0 })).toEqual([[""], false]);
    expect(await pathsOf({ limit: 2 })).toEqual([["/1", "/2"], true]);
    expect(await pathsOf({ limit: 2, after: "/root/list/2" })).toEqual([["/3"], false]);
  });
}

function testRefusals(guest: Guest): void {
  test("that are not as they should be are told of as what they are", async () => {
    const { worker, vmId } = guest();
    await worker.writeFile(vmId, "/root/odd/file", chunks("x"));
    const answers = {
      file_not_found: [
        () => worker.readFile(vmId, "/root/odd/none"),
        () => worker.listFiles(vmId, "/root/odd/none", { limit: 1 }),
        () => worker.removeFile(vmId, "/root/odd/none"),
        () => worker.renameFile(vmId, "/root/odd/none", "/root/odd/other"),
        () => worker.setFileMode(vmId, "/root/odd/none", 0o600),
        () => worker.watchFiles(vmId, "/root/odd/none"),
      ],
      file_exists: [
        () => worker.makeFolder(vmId, "/root/odd"),
        () => worker.makeFolder(vmId, "/root/odd/file"),
      ],
      folder_not_empty: [() => worker.removeFile(vmId, "/root/odd")],
      not_a_directory: [
        () => worker.listFiles(vmId, "/root/odd/file", { limit: 1 }),
        () => worker.watchFiles(vmId, "/root/odd/file"),
      ],
      is_a_directory: [() => worker.readFile(vmId, "/root/odd")],
    };
    for (const [code, calls] of Object.entries(answers)) {
      for (const call of calls) await expect(call(), String(call)).rejects.toMatchObject({ code });
    }
  });
}

function testWatching(guest: Guest): void {
  test("are watched until whoever watches has enough", async () => {
    const { worker, vmId } = guest();
    await worker.makeFolder(vmId, "/root/watched");
    const events = await worker.watchFiles(vmId, "/root/watched");
    const seen: FileEvent[] = [];
    const watching = (async () => {
      for await (const event of events) {
        seen.push(event);
        if (event.type === "remove") return;
      }
    })();
    await expectPending(watching);
    await worker.makeFolder(vmId, "/root/watched/folder");
    await worker.renameFile(vmId, "/root/watched/folder", "/root/watched/moved");
    await worker.removeFile(vmId, "/root/watched/moved");
    await watching;
    expect(seen).toEqual([
      { type: "create", path: "/root/watched/folder" },
      ...seen.filter(({ type }) => type === "chmod"),
      { type: "rename", path: "/root/watched/folder" },
      { type: "rename", path: "/root/watched/moved" },
      { type: "remove", path: "/root/watched/moved" },
    ]);
    const { reason, signal, leave } = caller();
    const endless = await worker.watchFiles(vmId, "/root/watched", { signal });
    const again = (async () => {
      for await (const event of endless) void event;
    })();
    await expectPending(again);
    leave();
    await expect(again).rejects.toBe(reason);
  });
}

async function text(content: AsyncIterable<Uint8Array>): Promise<string> {
  let all = "";
  for await (const piece of content) all += Buffer.from(piece).toString();
  return all;
}
