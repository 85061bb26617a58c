/** Archives of strangers, as the program in the guest unpacks them. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";

const run = promisify(execFile);
const FOLDER = fileURLToPath(new URL(".", import.meta.url));
/** `make` has the archive's bytes be `archive`. */
const PROGRAM = `
import gzip, io, stat, sys, tarfile, zipfile
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import build_context
kind, folder, make = sys.argv[2:]
out = io.BytesIO()
def tar(*entries):
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content, more in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for key, value in more.items():
                setattr(entry, key, value)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()
def zip(*entries):
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
archive = eval(make)
path = folder + ".archive"
with open(path, "wb") as file:
    file.write(archive + bytes(4096))
try:
    build_context.unpack(build_context.Slice(path, len(archive)), kind, folder)
except build_context.Refused as refused:
    sys.stdout.write("refused: " + str(refused))
`;

let above: string;
let folder: string;

beforeEach(async () => {
  above = await mkdtemp(join(tmpdir(), "fastvm-context-"));
  folder = join(above, "context");
  await mkdir(folder);
});

afterEach(() => rm(above, { recursive: true }));

async function unpacked(kind: "tar.gz" | "zip", make: string): Promise<string> {
  return (await run("python3", ["-c", PROGRAM, FOLDER, kind, folder, make])).stdout;
}

test.each([
  ["tar.gz", 'tar(("../../above", b"x", {}), ("/absolute", b"x", {}), ("./in/./x", b"x", {}))'],
  ["zip", 'zip(("../../above", b"x", 0), ("/absolute", b"x", 0), ("./in/./x", b"x", 0))'],
] as const)("a %s has its files in the folder, whatever they are called", async (kind, make) => {
  expect(await unpacked(kind, make)).toBe("");
  expect((await readdir(folder, { recursive: true })).toSorted()).toEqual([
    "above",
    "absolute",
    "in",
    "in/x",
  ]);
  expect((await readdir(above)).toSorted()).toEqual(["context", "context.archive"]);
});

test.each([
  ["tar.gz", 'tar(("out", b"", {"type": tarfile.SYMTYPE, "linkname": ".."}), ("out/x", b"written", {}))'],
  ["zip", 'zip(("out", b"..", stat.S_IFLNK | 0o777), ("out/x", b"written", 0o644))'],
] as const)("a link in a %s leads nothing out of it", async (kind, make) => {
  expect(await unpacked(kind, make)).toBe("");
  expect(await readFile(join(folder, "out", "x"), "utf8")).toBe("written");
  expect(await readdir(above)).not.toContain("x");
});

test.each([
  ["tar.gz", 'b"no archive at all"'],
  ["tar.gz", 'tar(("x", b"x" * 100000, {}))[:80]'],
  ["tar.gz", 'gzip.compress(b"no tar")'],
  ["tar.gz", 'bytes(b ^ 255 if i > 30 else b for i, b in enumerate(tar(("x", bytes(range(256)) * 99, {}))))'],
  ["tar.gz", 'tar(("x", b"", {"type": tarfile.LNKTYPE, "linkname": "nowhere"}))'],
  ["tar.gz", 'tar(("x", b"", {"type": tarfile.DIRTYPE, "mode": 0o755}), ("x", b"a file", {}))'],
  ["zip", 'b"PK and no more"'],
  // Its own checks come after what inflates it has found it wrong.
  [
    "zip",
    'bytes(b ^ 255 if 40 < i < 60 else b for i, b in enumerate(zip(("x", bytes(range(256)) * 99, 0))))',
  ],
  ["zip", 'zip(("x", b"x", 0)).replace(b"\\x08\\x00", b"\\x63\\x00")'],
  ["zip", 'zip(("x", b"x", 0))[:-30]'],
] as const)("a %s that cannot be is refused: %s", async (kind, make) => {
  expect(await unpacked(kind, make)).toMatch(/^refused: the context /);
});

test.each([
  ["tar.gz", 'tar(("x", b"x", {"mtime": 2 ** 60}))'],
  ["zip", '(zip(("x", b"x", 0)))'],
] as const)("a time in a %s that no file has is left out", async (kind, make) => {
  expect(await unpacked(kind, make)).toBe("");
  expect(await readFile(join(folder, "x"), "utf8")).toBe("x");
});
