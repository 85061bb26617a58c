import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";

const folder = mkdtempSync(join(tmpdir(), "fastvm-config-"));
const file = join(folder, "config.toml");
afterAll(() => rmSync(folder, { recursive: true }));

function envWith(text: string, more: Record<string, string> = {}): Record<string, string> {
  writeFileSync(file, text);
  return { FASTVM_CONFIG_FILE: file, ...more };
}

describe("the machine's file", () => {
  test("gives what neither flags nor environment say", () => {
    const env = envWith(
      'base_url = "https://vms.example.com"\n[daemon]\nport = 9000\nhost = "::1"\ndata_dir = "/srv/vms"\npool_size = 0\n',
      { FASTVM_HOST: "127.0.0.2", FASTVM_POOL_SIZE: "" },
    );
    expect(readConfig({ port: 9001 }, env)).toMatchObject({
      port: 9001,
      host: "127.0.0.2",
      dataDir: "/srv/vms",
      poolSize: 0,
    });
  });

  test("has lists, switches and fractions of its own form, and folders with spaces", () => {
    const env = envWith(
      '[daemon]\nallow_mount = ["/srv/a folder", "/srv/b"]\npath_urls = false\nmemory_overcommit = 1.5\n',
    );
    expect(readConfig({}, env)).toMatchObject({
      mountFolders: ["/srv/a folder", "/srv/b"],
      pathUrls: false,
      memoryOvercommit: 1.5,
    });
    expect(readConfig({}, { ...env, FASTVM_ALLOW_MOUNT: "/x,/y" }).mountFolders).toEqual(["/x", "/y"]);
  });

  test.each([
    ["[daemon]\nprot = 1\n", "prot is not known: did you mean port?"],
    ["[deamon]\nport = 1\n", "deamon is not known: did you mean daemon?"],
    ["daemon = 1\n", "daemon must be a table, [daemon]"],
    ['[daemon]\nport = "9000"\n', "port must be a number"],
    ["[daemon]\nport = 65536\n", 'must be a whole number from 0 to 65535, not "65536"'],
    ["[daemon]\npool_size = 1.5\n", 'must be a whole number, not "1.5"'],
    ['[daemon]\nnetwork = "off"\n', 'The network is "on" or "none", not "off"'],
    ['[daemon]\nnameservers = "192.0.2.1"\n', "nameservers must be a list of texts"],
    ["[daemon]\nnameservers = [1]\n", "nameservers must be a list of texts"],
    ['[daemon]\nhost = ""\n', "host must be text in quotes"],
    ["[daemon]\npath_urls = 0\n", "path_urls must be true or false"],
  ])("refuses %j", (text, words) => {
    expect(() => readConfig({}, envWith(text))).toThrow(words);
  });

  test("says which file and line cannot be understood", () => {
    expect(() => readConfig({}, envWith("[daemon]\nport = = 1\n"))).toThrow(`${file}:2 cannot be understood`);
  });

  test("may be missing unless it was asked for by name", () => {
    expect(() => readConfig({}, { FASTVM_CONFIG_FILE: join(folder, "none.toml") })).toThrow("cannot be read");
    expect(readConfig({}, {}).logLevel).toBe("info");
  });
});
