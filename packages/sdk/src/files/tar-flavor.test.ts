import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { packOptions, tarFlavor, unpackOptions } from "./tar-flavor.ts";
import { packFolder } from "./tar-process.ts";

it.each([
  ["tar (GNU tar) 1.35\nCopyright (C) 2023 …", "gnu"],
  ["bsdtar 3.5.3 - libarchive 3.7.4 zlib/1.2.12 liblzma/5.4.3 bz2lib/1.0.8", "bsd"],
  ["tar (busybox) 1.36.1", "other"],
  ["", "other"],
] as const)("a tar that says %j is %s", (version, flavor) => {
  expect(tarFlavor(version)).toBe(flavor);
});

it("nothing is asked of a tar that it does not know", () => {
  const rules = { isRoot: true, joinsFolder: true };
  expect(packOptions("other", "gnu")).toEqual([]);
  expect(unpackOptions({ flavor: "other", ...rules })).toEqual(["-p"]);
  const bsd = [...packOptions("bsd", "gnu"), ...unpackOptions({ flavor: "bsd", ...rules })];
  expect(bsd.filter((option) => /include|exclude|warning|overwrite|pax-option|sparse/.test(option))).toEqual(
    [],
  );
});

/** The text of an archive that is packed for such a tar. */
async function headersFor(unpacker: "gnu" | "bsd" | "other"): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-flavor-"));
  try {
    await writeFile(join(folder, "größe"), "x");
    const chunks = await Array.fromAsync(packFolder(folder, packOptions("gnu", unpacker)));
    return gunzipSync(Buffer.concat(chunks)).toString("latin1");
  } finally {
    await rm(folder, { recursive: true });
  }
}

it("an archive has what the tar at its other end can read", async () => {
  expect(await headersFor("gnu")).toMatch(/mtime=\d+\.\d+/);
  // bsdtar fails at the first name that is no text in its locale, and there is no telling which it has.
  expect(await headersFor("bsd")).toMatch(/hdrcharset=BINARY\n/);
  const shared = await headersFor("other");
  expect(shared).not.toMatch(/mtime=|hdrcharset|PaxHeaders/);
});
