import { open } from "node:fs/promises";
import { newSnapshotId } from "@fastvm/contract";
import type { CaptureResult, SnapshotOptions } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decodeFields, encodeFields, Tag } from "../../guest-link/fields.ts";
import { Kind } from "../../guest-link/protocol.ts";
import type { ScriptedGuest } from "../../guest-link/scripted-guest.ts";
import { Verb } from "../../guest-link/verb-stream.ts";
import { PAGE_BYTES } from "../../memory/mapping.ts";
import type { MappedPages } from "../../memory/mapping.ts";
import { PagesHelper } from "../../memory/pages-helper.ts";
import { openSnapshot } from "../../snapshot/folder.ts";
import type { Manifest } from "../../snapshot/manifest.ts";
import { openMemory } from "../../snapshot/memory.ts";
import { ScriptedHost } from "../../testing/scripted-host.ts";
import type { ScriptedQemu } from "../../testing/scripted-qemu.ts";
import type { Vm } from "../state/vm.ts";
import { snapshotFolder } from "../state/worker-context.ts";
import { createSnapshot } from "../transitions/create-snapshot.ts";

/** What a scripted guest has written when it runs. */
const WRITTEN = [1, 2, 200];
const EINVAL = 22;
/** Of a megabyte. */
const PAGES = 256;
interface Captured {
  readonly answer: CaptureResult;
  readonly manifest: Manifest;
  readonly memory: MappedPages;
  /** Each page of the process. */
  readonly paused: readonly Buffer[];
}

const { tracksWrites, detail } = await PagesHelper.probe();

describe.skipIf(!tracksWrites)(`with reclaim${tracksWrites ? "" : `: skipped, ${detail}`}`, () => {
  let host: ScriptedHost;
  let vm: Vm;
  let qemu: ScriptedQemu;
  let guest: ScriptedGuest;

  beforeEach(async () => {
    host = await ScriptedHost.open();
    vm = await host.launch();
    ({ qemu, guest } = host.of(vm));
  });

  afterEach(async () => {
    await host[Symbol.asyncDispose]();
  });

  /** What it answers to a verb: an errno, or runs of free pages. */
  function answerVerbs(answer: (verb: number) => Promise<number | readonly (readonly number[])[]>): number[] {
    const asked: number[] = [];
    const before = guest.onFrame;
    guest.onFrame = (frame) => {
      if (frame.kind !== Kind.OPEN_VERB) return before(frame);
      const verb =
        decodeFields(frame.payload)
          .find(({ tag }) => tag === Tag.VERB)
          ?.value.readUInt16LE() ?? 0;
      asked.push(verb);
      void answer(verb).then((told) => {
        if (typeof told !== "number") {
          const value = Buffer.from(Uint32Array.from(told.flat()).buffer);
          guest.send(Kind.DATA, frame.stream, encodeFields([{ tag: Tag.FREE_RUNS, value }]));
        }
        guest.send(
          Kind.DONE,
          frame.stream,
          Buffer.from(Uint32Array.of(typeof told === "number" ? told : 0).buffer),
        );
      });
    };
    return asked;
  }

  async function snapshotOf(options: SnapshotOptions): Promise<Captured> {
    const id = newSnapshotId();
    const paused: Buffer[] = [];
    const look = async (): Promise<void> => {
      for (let page = 0; page < PAGES; page++) paused.push(await qemu.readPage(page));
    };
    const create = () => createSnapshot(host.context, vm, id, options);
    const answer = await host.doAt("capture.copied", look, create);
    const snapshot = await openSnapshot(snapshotFolder(host.context.config, id));
    if (snapshot === undefined) throw new Error("nothing was published");
    return { answer, manifest: snapshot.manifest, memory: (await openMemory(snapshot)).memory, paused };
  }

  async function reclaim(): Promise<Captured> {
    return await snapshotOf({ reclaim: true });
  }

  function pagesOfMap({ map }: MappedPages): number[] {
    return map.extents.flatMap(({ firstPage, pages }) =>
      Array.from({ length: pages }, (_, at) => firstPage + at),
    );
  }

  /** What is there is what the guest had when it stood still. */
  async function expectTrue({ memory, paused }: Pick<Captured, "memory" | "paused">): Promise<void> {
    for (const { file, firstPage, filePage, pages } of memory.map.extents) {
      await using pageFile = await open(memory.paths[file] ?? "");
      for (let at = 0; at < pages; at++) {
        const bytes = Buffer.alloc(PAGE_BYTES);
        await pageFile.read(bytes, 0, PAGE_BYTES, (filePage + at) * PAGE_BYTES);
        expect(bytes, `page ${firstPage + at}`).toEqual(paused[firstPage + at]);
      }
    }
  }

  test("what is free is left out of map and file", async () => {
    const asked = answerVerbs(async (verb) => (verb === Verb.DROP_CACHES ? 0 : [[0, 8]]));
    const captured = await reclaim();
    const { answer, manifest, memory } = captured;
    expect(asked).toEqual([Verb.DROP_CACHES, Verb.FREE_PAGES]);
    expect(answer).toMatchObject({ reclaimedBytes: 2 * PAGE_BYTES, dirtyBytes: PAGE_BYTES });
    expect(pagesOfMap(memory)).toEqual([200]);
    expect(manifest.pages?.files).toMatchObject([{ bytes: PAGE_BYTES }]);
    await expectTrue(captured);
  });

  test("what is written once it was named is there, and what was captured before is left out, too", async () => {
    await qemu.writePage(50, Buffer.alloc(PAGE_BYTES, 50));
    await createSnapshot(host.context, vm, newSnapshotId());
    answerVerbs(async (verb) => {
      if (verb === Verb.DROP_CACHES) return 0;
      for (const page of [2, 4]) await qemu.writePage(page, Buffer.alloc(PAGE_BYTES, 99));
      return [
        [0, 8],
        [40, 20],
      ];
    });
    const captured = await reclaim();
    const { memory } = captured;
    expect(pagesOfMap(memory)).toEqual([2, 4, 200]);
    await expectTrue(captured);
    await qemu.writePage(50, Buffer.alloc(PAGE_BYTES, 51));
    guest.onFrame = () => undefined;
    // The next capture stands on this one.
    const again = await snapshotOf({});
    expect(pagesOfMap(again.memory)).toEqual([1, 2, 4, 50, 200]);
    await expectTrue(again);
  });

  test("all that was written may be free", async () => {
    answerVerbs(async (verb) => (verb === Verb.DROP_CACHES ? 0 : [[0, 256]]));
    const { answer, manifest } = await reclaim();
    expect(answer).toMatchObject({ reclaimedBytes: 3 * PAGE_BYTES });
    expect(manifest.pages).toBeUndefined();
  });

  test.each([
    ["does not know how", EINVAL, []],
    ["cannot drop its caches", 5, []],
    ["cannot name its pages", 0, 5],
    [
      "names pages twice",
      0,
      [
        [0, 8],
        [4, 8],
      ],
    ],
    ["names pages that it does not have", 0, [[250, 8]]],
  ] as const)("a guest that %s is captured whole, and the answer says so", async (_what, dropped, named) => {
    answerVerbs(async (verb) => (verb === Verb.DROP_CACHES ? dropped : named));
    const captured = await reclaim();
    const { answer, memory } = captured;
    expect(answer).not.toHaveProperty("reclaimedBytes");
    expect(pagesOfMap(memory)).toEqual(WRITTEN);
    await expectTrue(captured);
  });

  test("wherever it fails, the next one is whole", async () => {
    answerVerbs(async (verb) => (verb === Verb.DROP_CACHES ? 0 : [[0, 8]]));
    const names = new Set(await host.stepsOf(reclaim));
    for (const name of names) {
      if (name.startsWith("publish.")) continue;
      await expect(host.failAt(name, reclaim), name).rejects.toThrow(name);
    }
    const captured = await reclaim();
    const { memory } = captured;
    expect(pagesOfMap(memory)).toEqual([200]);
    await expectTrue(captured);
  });
});
