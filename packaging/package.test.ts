import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { keyOf, VARIABLES } from "../packages/daemon/src/config-file.ts";
import type { Variable } from "../packages/daemon/src/config-file.ts";
import { readConfig } from "../packages/daemon/src/config.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "fastvm-package-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the package's settings", () => {
  const text = readFileSync(join(HERE, "root/etc/fastvm/config.toml"), "utf8");
  // What is a setting when the mark before it goes.
  const filledIn = text.replaceAll(/^# (?=\w+ = )/gm, "");

  test("change nothing as they come, and are all good when they are filled in as they are shown", () => {
    const file = join(folder, "config.toml");
    const env = { FASTVM_CONFIG_FILE: file };
    writeFileSync(file, text);
    expect(readConfig({}, env)).toEqual(readConfig({}, { FASTVM_CONFIG_FILE: "/dev/null" }));
    writeFileSync(file, filledIn);
    expect(readConfig({}, env)).toMatchObject({ cacheGib: 50, webhookNetworks: ["10.1.0.0/16"] });
  });

  test("show each that there is", () => {
    const shown = new Set([...filledIn.matchAll(/^(\w+) = /gm)].map(([, key]) => key));
    const known = (VARIABLES as readonly Variable[]).map(keyOf);
    // One image is the package's own.
    const expected = known.filter((key) => key !== "image_dir");
    expect(shown).toEqual(new Set([...expected, "api_key", "base_url"]));
  });
});

test("the base image is made where the settings have the cache", () => {
  const installed = mkdtempSync(join(folder, "installed-"));
  for (const each of ["bin", "guest/image"]) mkdirSync(join(installed, each), { recursive: true });
  cpSync(join(HERE, "root/usr/lib/fastvm/bin/make-image"), join(installed, "bin/make-image"));
  writeFileSync(join(installed, "bin/fastvm"), `#!/bin/sh\nexec ${join(HERE, "../fastvm")} "$@"\n`, {
    mode: 0o755,
  });
  // What it is told is all that is of interest here: the recipe itself takes minutes.
  writeFileSync(join(installed, "guest/image/build.sh"), '#!/bin/sh\necho "$FASTVM_CACHE_DIR $*"\n', {
    mode: 0o755,
  });
  const settings = join(installed, "config.toml");
  writeFileSync(settings, '[daemon]\ncache_dir = "/srv/a cache"\n');
  const env = { PATH: process.env["PATH"], FASTVM_CONFIG_FILE: settings };
  const said = execFileSync(join(installed, "bin/make-image"), ["--refresh"], { encoding: "utf8", env });
  expect(said).toBe("/srv/a cache --refresh\n");
});

describe("before it is unpacked, a package", () => {
  function preinst(...args: readonly string[]): { readonly code: number | null; readonly words: string } {
    const script = readFileSync(join(HERE, "debian/preinst"), "utf8")
      .replaceAll("@VERSION@", "0.2.0+20261127120000.abc")
      // A folder that is there on every machine.
      .replaceAll("/var/lib/fastvm", folder);
    const { status, stderr } = spawnSync("sh", ["-s", "--", ...args], { input: script, encoding: "utf8" });
    return { code: status, words: stderr };
  }

  test.each([
    ["upgrade", "0.2.0+20261127120001.0ab"],
    ["upgrade", "1.0"],
    ["install", "0.10.0"],
  ])("that is older than what was there refuses: %s %s", (verb, old) => {
    const { code, words } = preinst(verb, old);
    expect(code).toBe(1);
    expect(words).toContain(`is older than ${old}`);
    expect(words).toContain("nothing was changed");
  });

  test.each([
    ["install"],
    ["install", "0.1.0"],
    ["upgrade", "0.2.0+20261127115959.fff"],
    ["upgrade", "0.2.0+20261127120000.abc"],
    ["abort-upgrade", "1.0"],
  ])("that is newer, or the same, goes on: %s %s", (...args) => {
    expect(preinst(...args)).toEqual({ code: 0, words: "" });
  });
});

describe("when it is first installed, a package", () => {
  /** What systemctl is told, by a script whose tools only note it: no systemd runs here. `policy`: whether units may start. */
  function told(policy: number): readonly string[] {
    const root = mkdtempSync(join(folder, "installing-"));
    const tools = join(root, "bin");
    mkdirSync(tools);
    const said = join(root, "said");
    const tool = (name: string, script: string): void =>
      writeFileSync(join(tools, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    tool("systemctl", `echo "$*" >>'${said}'`);
    for (const name of ["systemd-tmpfiles", "deb-systemd-helper"]) tool(name, "exit 0");
    tool("policy-rc.d", `exit ${policy}`);
    const script = readFileSync(join(HERE, "debian/postinst"), "utf8")
      .replaceAll("/run/systemd/system", root)
      .replaceAll("/usr/sbin/policy-rc.d", join(tools, "policy-rc.d"));
    const env = { PATH: `${tools}:/usr/sbin:/usr/bin:/sbin:/bin` };
    execFileSync("sh", ["-s", "--", "configure"], { input: script, env });
    return readFileSync(said, "utf8").trim().split("\n");
  }

  test.each([0, 104])("starts the daemon and does not wait for it, where policy is %i", (policy) => {
    expect(told(policy)).toContain("--no-block start fastvm.service");
  });

  test("starts nothing on a machine that forbids it", () => {
    expect(told(101).filter((words) => /\bstart\b/.test(words))).toEqual([]);
  });
});
