import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Dockerignore } from "./dockerignore.ts";
import { filesOf } from "./pack-context.ts";

const folder = await mkdtemp(join(tmpdir(), "fastvm-context-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each([
  ["a", ["a", "a/b"], ["b", "b/a", "ab"]],
  ["/a/", ["a", "a/b"], ["b/a"]],
  ["*/temp*", ["x/temp", "x/temporary.txt", "x/temp/y"], ["temp", "x/y/temp"]],
  ["*/*/temp*", ["x/y/temp"], ["x/temp"]],
  ["temp?", ["tempa", "tempa/x"], ["temp", "temp/a"]],
  ["**/*.go", ["a.go", "x/a.go", "x/y/a.go"], ["a.got", "go"]],
  ["**/node_modules", ["node_modules/x", "a/node_modules", "a/b/node_modules/c/d"], ["node_modules2"]],
  ["dist/**", ["dist/a", "dist/a/b"], ["dist", "x/dist/a"]],
  ["a/**/z", ["a/z", "a/b/z", "a/b/c/z/y"], ["az", "b/a/z"]],
  ["*.md\n!README.md", ["CHANGES.md"], ["README.md", "x/CHANGES.md"]],
  ["*.md\n!README*.md\nREADME-secret.md", ["a.md", "README-secret.md"], ["README.md", "README-1.md"]],
  ["secret\n!secret/public", ["secret", "secret/key"], ["secret/public", "secret/public/a"]],
  ["# a comment\n\n  b  \n", ["b"], ["# a comment", "a"]],
  ["[a-c]x", ["ax", "cx"], ["dx", "[a-c]x"]],
  ["\\#a\n\\!b", ["#a", "!b"], ["a", "b"]],
  ["a/./b/../c", ["a/c"], ["a/b"]],
  ["a.b+(c)", ["a.b+(c)"], ["aXb+(c)", "a.bb(c)"]],
  ["", [], ["a"]],
])("%j leaves out %j, and not %j", (text, out, kept) => {
  const ignore = new Dockerignore(text);
  expect(out.filter((path) => !ignore.leavesOut(path))).toEqual([]);
  expect(kept.filter((path) => ignore.leavesOut(path))).toEqual([]);
});

test("a folder is sent without what its .dockerignore names, in one order, and links as links", async () => {
  const files = {
    Dockerfile: "",
    ".dockerignore": "cache\n**/*.log\n!cache/keep\n",
    "cache/big": "",
    "cache/keep": "",
    "src/a.ts": "",
    "src/deep/b.log": "",
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  await symlink("/etc/passwd", join(folder, "src/link"));
  await mkdir(join(folder, "empty"));
  expect(await filesOf(folder)).toEqual([
    ".dockerignore",
    "Dockerfile",
    "cache/keep",
    "empty",
    "src",
    "src/a.ts",
    "src/deep",
    "src/link",
  ]);
  await writeFile(join(folder, "Dockerfile.dockerignore"), "src\n");
  expect(await filesOf(folder, "Dockerfile")).not.toContain("src/a.ts");
});

test("a folder that is not there is told of by name", async () => {
  await expect(filesOf(join(folder, "none"))).rejects.toMatchObject({ code: "ENOENT" });
});
