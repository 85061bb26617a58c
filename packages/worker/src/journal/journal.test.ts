import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newVmId } from "@fastvm/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readJournal, writeJournal } from "./journal.ts";
import type { Journal } from "./journal.ts";

const JOURNAL: Omit<Journal, "format"> = {
  vmId: newVmId(),
  phase: "running",
  machine: { name: "c1m2", cpu: 1, memoryMib: 2048 },
  diskGib: 10,
  identity: { hostname: "vm", envVars: {}, authorizedKeys: [] },
  imageDigest: "abc",
  uid: 1,
  slot: "fastvm-1",
  linkGeneration: "ab".repeat(16),
  generation: 4,
  chain: ["0.raw"],
};

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-journal-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

test("a journal is read as it was written", async () => {
  await writeJournal(folder, JOURNAL);
  expect(await readJournal(folder)).toEqual({ format: 1, ...JOURNAL });
});

test("one of a daemon that counted no lives names its link by the old name", async () => {
  const { linkGeneration, ...rest } = JOURNAL;
  const older = { format: 1, ...rest, generation: linkGeneration };
  await writeFile(join(folder, "journal.json"), JSON.stringify(older));
  expect(await readJournal(folder)).toMatchObject({ linkGeneration, generation: 1 });
});

test("one that a power loss left empty, and one of another format, are none", async () => {
  await writeFile(join(folder, "journal.json"), "");
  expect(await readJournal(folder)).toBeUndefined();
  await writeFile(join(folder, "journal.json"), JSON.stringify({ ...JOURNAL, format: 2 }));
  expect(await readJournal(folder)).toBeUndefined();
});
