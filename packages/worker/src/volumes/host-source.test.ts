/** What of the host may be mounted, and through which server: what links lead to counts, and nothing else. */
import { mkdir, mkdtemp, realpath, rm, statfs, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { allowedOnHost, hostFolder } from "./host-source.ts";

let folder: string;
let allowed: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "fastvm-host-source-")));
  allowed = join(folder, "allowed");
  await mkdir(join(allowed, "in"), { recursive: true });
  await mkdir(join(folder, "allowed-too"));
  await writeFile(join(allowed, "in/file"), "");
  await symlink(join(folder, "allowed-too"), join(allowed, "out"));
  await symlink("in", join(allowed, "link"));
  await symlink(allowed, join(folder, "way-in"));
});

afterEach(() => rm(folder, { recursive: true }));

const config = () => ({ dataDir: join(folder, "data"), mountFolders: [allowed] });

test("what lies beneath an allowed folder, by whatever way, as it is without links", async () => {
  for (const path of ["allowed", "allowed/in", "allowed/link", "way-in/link"])
    expect(await allowedOnHost(config(), join(folder, path))).toMatch(/\/allowed(\/in)?$/);
  expect(await allowedOnHost(config(), join(folder, "way-in/link/file"))).toBe(join(allowed, "in/file"));
});

test("nothing else, and whether it is there is not told", async () => {
  for (const path of ["allowed-too", "allowed/out", "allowed/../allowed-too", "allowed/none", ""]) {
    const at = join(folder, path);
    await expect(allowedOnHost(config(), at), at).rejects.toMatchObject({ code: "conflict" });
  }
  await expect(allowedOnHost({ dataDir: folder }, allowed)).rejects.toMatchObject({ code: "conflict" });
});

test("all that mount one folder have one account, whatever name they give", async () => {
  const source = {
    kind: "host",
    statVirtualization: "relaxed",
    hostPermissions: "mirror",
    quotaMib: 3,
  } as const;
  const one = await hostFolder(config(), { ...source, path: join(allowed, "in") });
  const other = await hostFolder(config(), { ...source, path: join(folder, "way-in/link") });
  expect(one).toEqual(other);
  expect(one.options).toEqual(
    expect.arrayContaining(["stat=relaxed", "permissions=mirror", "quota=3145728"]),
  );
  const floor = Number(one.options.find((option) => option.startsWith("floor="))?.slice("floor=".length));
  const { blocks, bsize } = await statfs(allowed);
  expect(floor).toBe(Math.min(1024 ** 3, Math.floor((blocks * bsize) / 20)));
});
