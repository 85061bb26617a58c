import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AgentProcess } from "./agent-process.ts";
import { decodeFields, encodeFields, Tag, textField, type RawField } from "./fields.ts";
import { FieldReader } from "./field-reader.ts";
import type { GuestLink } from "./guest-link.ts";
import { Kind } from "./protocol.ts";
import { ScriptedGuest } from "./scripted-guest.ts";
import { Verb } from "./verb-stream.ts";

describe("a real agent", () => {
  let agent: AgentProcess;
  let link: GuestLink;

  beforeAll(async () => {
    agent = await AgentProcess.start();
    link = await agent.connect();
  }, 180_000);

  afterAll(async () => {
    link?.close();
    await agent?.[Symbol.asyncDispose]();
  });

  test("lists a folder whose entries fill more than a window", async () => {
    const folder = join(agent.folder, "many");
    await mkdir(folder);
    const names = Array.from({ length: 3000 }, (_, index) => `a-name-that-takes-its-room-${index}`);
    await Promise.all(names.map((name) => writeFile(join(folder, name), "")));
    const found: string[] = [];
    for await (const fields of link.verb({ verb: Verb.LIST, path: folder })) {
      found.push(...fields.map((field) => pathOf(field)));
    }
    expect(found.toSorted()).toEqual(names.map((name) => join(folder, name)).toSorted());
  });

  test("refuses with its system's reason", async () => {
    await expect(link.verb({ verb: Verb.STAT, path: "/no/such" }).next()).rejects.toMatchObject({
      code: "ENOENT",
      message: "ENOENT: /no/such: No such file or directory",
    });
  });

  test("watches until it is left", async () => {
    const folder = join(agent.folder, "watched");
    await mkdir(folder);
    const told = link.verb({ verb: Verb.WATCH, path: folder });
    expect((await told.next()).value?.map(pathOf)).toEqual([folder]);
    await writeFile(join(folder, "new"), "");
    expect((await told.next()).value?.map(pathOf)[0]).toBe(join(folder, "new"));
    await told.return();
  });
});

function pathOf({ value }: RawField): string {
  return (
    decodeFields(value)
      .find(({ tag }) => tag === Tag.PATH)
      ?.value.toString() ?? ""
  );
}

describe("a hostile guest", () => {
  test.each([
    ["a field that is too long", Buffer.from([64, 0, 0, 0, 255, 255, 255, 255])],
    ["half a field", Buffer.from([64, 0, 0, 0, 10, 0, 0, 0, 1])],
  ])("that sends %s loses the stream", async (_what, bytes) => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const told = link.verb({ verb: Verb.STAT, path: "/x" });
    const reading = (async () => {
      for await (const fields of told) void fields;
    })();
    reading.catch(() => undefined);
    await expect.poll(() => guest.of(Kind.OPEN_VERB)).toHaveLength(1);
    const stream = guest.of(Kind.OPEN_VERB)[0]?.stream ?? 0;
    guest.send(Kind.DATA, stream, bytes);
    guest.send(Kind.DONE, stream, Buffer.alloc(4));
    await expect(reading).rejects.toMatchObject({ code: "guest_unresponsive" });
  });
});

test("fields are read from pieces of any size", () => {
  const whole = encodeFields([textField(Tag.PATH, "/a"), textField(Tag.TARGET, "x".repeat(5000))]);
  for (const size of [1, 7, 4096, whole.length]) {
    const reader = new FieldReader();
    const fields: RawField[] = [];
    for (let at = 0; at < whole.length; at += size) {
      fields.push(
        ...reader
          .push(whole.subarray(at, at + size))
          .map(({ tag, value }) => ({ tag, value: Buffer.from(value) })),
      );
    }
    expect(fields.map(({ tag, value }) => [tag, value.length])).toEqual([
      [Tag.PATH, 2],
      [Tag.TARGET, 5000],
    ]);
    expect(reader.isBetweenFields).toBe(true);
  }
});
