/**
 * What copies pages, told what it should not understand. It runs as root, so a request that was damaged must be refused, or end in an
 * error of the system: never in memory that is not its own, and never in a silent "nothing was written". Built with sanitizers.
 */
import { spawn } from "node:child_process";
import { chown, mkdtemp, open, rm, writeFile, copyFile } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRandom } from "../guest-link/seeded-random.ts";
import { AnswerReader } from "./pages-answer.ts";
import type { Answer } from "./pages-answer.ts";

const HELPER = fileURLToPath(new URL("../../native/build/fastvm-pages-sanitized", import.meta.url));
const PAGE_BYTES = 4096;
const PAGES = 40;
/** Nobody's, so that what a damaged request names is out of reach, whatever it is. */
const UID = 1_999_999_901;
/** In blocks of 512 bytes. What would be larger fails as on a full disk. */
const MAX_FILE_BLOCKS = 16_384;
const STREAMS = 120;
/** Where numbers turn over, in this program or the kernel. */
const NUMBERS = [
  "0",
  "1",
  "-1",
  "39",
  "4096",
  "65536",
  "4294967295",
  "4294967296",
  "268435456",
  "1099511627776",
].concat([
  "9223372036854775807",
  "18446744073709551615",
  "18446744073709547520",
  "99999999999999999999",
  "",
  "x",
]);

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-protocol-"));
  await chown(folder, UID, UID);
  // Where the program was built, that user may have no way to.
  await copyFile(HELPER, join(folder, "helper"));
  for (const name of ["from", "to"])
    await writeFile(join(folder, name), Buffer.alloc(PAGES * PAGE_BYTES, name));
  await chown(join(folder, "to"), UID, UID);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const EDGES = [0xffff_ffff, 0xffff_ffff, 0xffff_fff0] as const;

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly answers: readonly Answer[];
  readonly said: string;
}

/** All that it answers to a stream of requests before it ends. */
async function tell(requests: Buffer, awaited: number): Promise<Ended> {
  // A file that would grow too large is to be an error and no signal.
  const limited = `trap "" XFSZ; ulimit -f ${MAX_FILE_BLOCKS}; exec "$0"`;
  const child = spawn("/bin/sh", ["-c", limited, "./helper"], { cwd: folder, uid: UID, gid: UID, env: {} });
  const exited = once(child, "exit") as Promise<[number | null, string | null]>;
  const reader = new AnswerReader();
  const answers: Answer[] = [];
  let said = "";
  child.stderr.on("data", (bytes: Buffer) => (said += bytes.toString()));
  child.stdin.on("error", () => undefined);
  child.stdout.on("data", (bytes: Buffer) => {
    answers.push(...reader.read(bytes));
    if (answers.length >= awaited) child.stdin.end();
  });
  child.stdin.write(requests);
  if (awaited === 0) child.stdin.end();
  const [code, signal] = await exited;
  return { code, signal, answers, said };
}

const extent = (...numbers: readonly [number, number, number]): Buffer =>
  Buffer.from(Uint32Array.from(numbers).buffer);

function copyOf(id: number, count: string, extents: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(`copy ${id} 0 0 1 ${count} from\tto\n`), ...extents]);
}

function scanOf(fields: readonly string[]): Buffer {
  return Buffer.from(`scan ${fields.join(" ")}\n`);
}

const SCAN = ["7", `${process.pid}`, "65536", "65536", "2", "0", "0", "found"] as const;

test("what it understands it does, and says what came of it", async () => {
  const copy = copyOf(1, "2", [extent(0, 3, 5), extent(9, 1, 0)]);
  const beyond = copyOf(2, "1", [extent(0, 1, PAGES)]);
  const { code, answers, said } = await tell(Buffer.concat([copy, beyond, scanOf(SCAN)]), 3);
  expect({ code, said }).toEqual({ code: 0, said: "" });
  expect(answers.toSorted((a, b) => a.id - b.id)).toEqual([
    { id: 1, errno: 0, pages: 4, filePage: 0, extents: [] },
    { id: 2, errno: 5, pages: 1, filePage: 0, extents: [] },
    // A process of somebody else.
    { id: 7, errno: 13, pages: 0, filePage: 0, extents: [] },
  ]);
});

test.each([
  ["a memory of no whole pages", 3, "100"],
  ["a memory that begins inside of a page", 2, "65537"],
  ["a memory beyond all addresses", 2, "18446744073709547520"],
  ["a memory larger than any machine's", 3, "18446744073709547520"],
  ["a negative size", 3, "-4096"],
  ["a size of too many digits", 3, "99999999999999999999"],
  ["something wanted that there is not", 4, "3"],
  ["something wanted that is none", 4, "-1"],
])("%s is not looked through: it ends", async (_, field, value) => {
  const fields: string[] = [...SCAN];
  fields[field] = value;
  expect(await tell(scanOf(fields), 1)).toEqual({ code: 0, signal: null, answers: [], said: "" });
});

test("whatever it is told, it ends by itself and in order", async () => {
  const random = seededRandom("requests for what copies pages", undefined);
  const pick = <T>(of: readonly T[]): T => of[random(of.length)] as T;
  await using sink = await open(join(folder, "found"), "w");
  await sink.chown(UID, UID);
  let answered = 0;
  for (let stream = 0; stream < STREAMS; stream++) {
    // Of what is to be understood all answers are awaited; of the others nobody knows how many there are.
    const isDamaged = random(2) === 0;
    const requests = Array.from({ length: 1 + random(4) }, (_, id) => {
      if (random(2) === 0) {
        const fields: string[] = [...SCAN];
        const at = 1 + random(6);
        fields[at] = pick(NUMBERS);
        return scanOf(fields);
      }
      const extents = Array.from({ length: random(5) }, () =>
        extent(...(random(3) === 0 ? EDGES : ([random(PAGES), random(8), random(PAGES)] as const))),
      );
      return copyOf(id, isDamaged && random(2) === 0 ? pick(NUMBERS) : `${extents.length}`, extents);
    });
    let bytes = Buffer.concat(requests);
    if (isDamaged) {
      for (let left = random(4); left > 0; left--) bytes[random(bytes.length)] = random(256);
      if (random(2) === 0) bytes = bytes.subarray(0, random(bytes.length));
    }
    const { answers, ...end } = await tell(bytes, isDamaged ? 0 : requests.length);
    expect(end, `stream ${stream}: ${bytes.toString("latin1")}`).toEqual({ code: 0, signal: null, said: "" });
    answered += answers.length;
  }
  expect(answered).toBeGreaterThan(0);
});
