import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { differencesOf, findCommand, parseListing, type Listing } from "./listing.ts";

const folder = mkdtempSync(join(tmpdir(), "fastvm-diff-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function look(): Listing {
  const [file = "", ...args] = findCommand(folder);
  return parseListing(execFileSync(file, args));
}

it("what was added, changed and deleted is told, and nothing that was left alone", () => {
  mkdirSync(join(folder, "kept/deep"), { recursive: true });
  for (const name of ["same", "longer", "touched", "gone", "mode", "kept/deep/é ü\n"]) {
    writeFileSync(join(folder, name), "text");
    utimesSync(join(folder, name), 1, 1);
  }
  symlinkSync("same", join(folder, "link"));
  const before = look();
  expect(differencesOf(before, look())).toEqual([]);
  writeFileSync(join(folder, "longer"), "longer text");
  utimesSync(join(folder, "longer"), 1, 1);
  utimesSync(join(folder, "touched"), 1, 2);
  chmodSync(join(folder, "mode"), 0o600);
  unlinkSync(join(folder, "gone"));
  unlinkSync(join(folder, "link"));
  symlinkSync("mode", join(folder, "link"));
  mkdirSync(join(folder, "new"));
  writeFileSync(join(folder, "new/file"), "");
  writeFileSync(join(folder, "kept/deep/é ü\n"), "else");
  expect(
    differencesOf(before, look()).map(({ kind, path }) => [kind, path.slice(folder.length + 1)]),
  ).toEqual([
    ["deleted", "gone"],
    ["changed", "kept/deep/é ü\n"],
    ["changed", "link"],
    ["changed", "longer"],
    ["changed", "mode"],
    ["added", "new"],
    ["added", "new/file"],
    ["changed", "touched"],
  ]);
});
