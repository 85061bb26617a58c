import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newOrgId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KEY_BYTES, keyIdOf, seal, unseal } from "./seal.ts";
import { SealingKeys } from "./sealing-keys.ts";

const SECRET = "open sesame, ünïcode too";
const FOR = { orgId: newOrgId(), purpose: "registry", name: "docker.io" };

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-sealing-"));
  file = join(folder, "key");
});
afterEach(() => rm(folder, { recursive: true }));

const keyLine = (id: string): string => `${id} ${randomBytes(KEY_BYTES).toString("base64")}\n`;
const newKeys = (): SealingKeys => new SealingKeys({ file, isMade: true });

describe("a sealed value", () => {
  const key = { id: "0123abcd", bytes: randomBytes(KEY_BYTES) };

  test("opens for what it was sealed for, and shows nothing of itself", () => {
    const sealed = seal(key, SECRET, FOR);
    expect(sealed).not.toContain("sesame");
    expect(Buffer.from(sealed.split(".")[2] ?? "", "base64url").toString("latin1")).not.toContain("sesame");
    expect(keyIdOf(sealed)).toBe(key.id);
    expect(unseal(key, sealed, FOR)).toBe(SECRET);
    expect(seal(key, SECRET, FOR)).not.toBe(sealed);
  });

  test("opens for no other organisation, purpose, name or key", () => {
    const sealed = seal(key, SECRET, FOR);
    for (const other of [{ orgId: newOrgId() }, { purpose: "bucket" }, { name: "quay.io" }])
      expect(() => unseal(key, sealed, { ...FOR, ...other })).toThrow(/for something else/);
    expect(() => unseal({ ...key, bytes: randomBytes(KEY_BYTES) }, sealed, FOR)).toThrow(/changed/);
    expect(() => unseal({ ...key, id: "00000000" }, sealed, FOR)).toThrow(/changed/);
  });

  test("of which any bit was changed, or a part is gone, does not open", () => {
    const [form = "", id = "", content = ""] = seal(key, SECRET, FOR).split(".");
    const bytes = Buffer.from(content, "base64url");
    for (const at of bytes.keys()) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => unseal(key, [form, id, changed.toString("base64url")].join("."), FOR)).toThrow(/changed/);
    }
    for (const length of [0, 1, 12, 20, 28, bytes.length - 1]) {
      const part = bytes.subarray(0, length).toString("base64url");
      expect(() => unseal(key, [form, id, part].join("."), FOR)).toThrow(/changed/);
    }
    for (const nothing of ["", "fv1", "fv1.a", "fv2.a.b", "fv1.a.b.c"])
      expect(() => keyIdOf(nothing)).toThrow(/form/);
  });
});

describe("the file of keys", () => {
  test("is made when something is sealed, for its owner alone, once", async () => {
    expect(await newKeys().isThere()).toBe(false);
    expect(await readdir(folder)).toEqual([]);
    const made = await Promise.all([1, 2, 3].map(() => newKeys().newest()));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect(await readdir(folder)).toEqual(["key"]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(made[0]?.bytes).toHaveLength(KEY_BYTES);
  });

  test("leaves nothing of one who was killed while it was made, and takes nothing else away", async () => {
    const { id } = await newKeys().newest();
    const own = ["key.new", "key.old.new", "other.3f2504e0-4f89-41d3-9a0c-0305e82c3301.new"];
    for (const name of [...own, "key.3f2504e0-4f89-41d3-9a0c-0305e82c3301.new"])
      await writeFile(join(folder, name), "");
    await newKeys().removeAside();
    expect((await readdir(folder)).toSorted()).toEqual(["key", ...own].toSorted());
    expect((await newKeys().newest()).id).toBe(id);
  });

  test("is not taken away from under who makes it now, at a daemon's start", async () => {
    for (let round = 0; round < 50; round++) {
      const keys = newKeys();
      const over = new AbortController();
      const making = keys.newest().finally(() => over.abort());
      while (!over.signal.aborted) await keys.removeAside();
      expect((await keys.newest()).id).toBe((await making).id);
      expect(await readdir(folder)).toEqual(["key"]);
      await rm(file);
    }
  });

  test("that the operator named is not made: it may only be away", async () => {
    await expect(new SealingKeys({ file, isMade: false }).newest()).rejects.toThrow(/not there/);
    expect(await readdir(folder)).toEqual([]);
    await expect(new SealingKeys(undefined).newest()).rejects.toThrow(/no place/);
  });

  test("seals with its first key and opens with all of them", async () => {
    await writeFile(file, keyLine("aaaaaaaa"), { mode: 0o600 });
    const keys = newKeys();
    const old = seal(await keys.newest(), SECRET, FOR);
    await writeFile(file, `${keyLine("bbbbbbbb")}${await readFile(file, "utf8")}`);
    expect((await keys.newest()).id).toBe("bbbbbbbb");
    expect(unseal(await keys.of(old), old, FOR)).toBe(SECRET);
    await writeFile(file, keyLine("cccccccc"));
    await expect(keys.of(old)).rejects.toThrow(/aaaaaaaa.*is not in/);
  });

  test("that others may read is not used", async () => {
    await newKeys().newest();
    for (const mode of [0o640, 0o604, 0o620]) {
      await chmod(file, mode);
      await expect(newKeys().newest()).rejects.toThrow(/open to others/);
    }
  });

  test("with something else in it is refused, and nothing of it is told", async () => {
    for (const text of ["aaaaaaaa c2hvcnQ=\n", `${keyLine("aaaaaaaa")}secret words\n`, keyLine("AAAAAAAA")]) {
      await writeFile(file, text, { mode: 0o600 });
      const failure = await newKeys().newest().catch(String);
      expect(failure).toMatch(/Line \d of .* is no key/);
      expect(failure).not.toMatch(/secret words|c2hvcnQ/);
    }
    await writeFile(file, "");
    await expect(newKeys().newest()).rejects.toThrow(/no key in it/);
  });
});
