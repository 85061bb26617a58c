/** What clients of indexes and of a repository fetch, as files that any server has: packages of Python and npm, and a Git repository. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const WHEEL = "demo-1.0-py3-none-any.whl";
const MAKE_WHEEL = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("demo.py", "print('payload')\\n")
    info = "demo-1.0.dist-info/"
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(info + "RECORD", "demo.py,,\\n" + info + "METADATA,,\\n" + info + "WHEEL,,\\n" + info + "RECORD,,\\n")
`;

/** Makes `simple/`, `npm/` and `repository.git` in the folder, and `payload`, which says so. `origin`: where it will be, as a URL. */
export function makeStaticWorld(folder: string, origin: string): void {
  writeFileSync(join(folder, "payload"), "payload\n");
  const index = join(folder, "simple/demo");
  mkdirSync(index, { recursive: true });
  writeFileSync(join(index, "index.html"), `<!DOCTYPE html><a href="${WHEEL}">${WHEEL}</a>`);
  execFileSync("python3", ["-c", MAKE_WHEEL, join(index, WHEEL)]);
  makeNpmPackage(join(folder, "npm"), `${origin}/npm`);
  const work = join(folder, "work");
  mkdirSync(work);
  writeFileSync(join(work, "file"), "payload\n");
  const identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
  const git = (...args: readonly string[]): void => {
    execFileSync("git", args, {
      cwd: work,
      stdio: "pipe",
      env: { ...process.env, GIT_CONFIG_NOSYSTEM: "1" },
    });
  };
  git("init", "-q");
  git("add", "file");
  git(...identity, "commit", "-qm", "one");
  git("clone", "-q", "--bare", ".", join(folder, "repository.git"));
  git(`--git-dir=${join(folder, "repository.git")}`, "update-server-info");
}

function makeNpmPackage(folder: string, url: string): void {
  const made = { name: "demo", version: "1.0.0", main: "index.js" };
  mkdirSync(join(folder, "package"), { recursive: true });
  writeFileSync(join(folder, "package/package.json"), JSON.stringify(made));
  writeFileSync(join(folder, "package/index.js"), 'console.log("payload");\n');
  execFileSync("tar", ["-czf", join(folder, "demo.tgz"), "-C", folder, "package"]);
  const version = { ...made, dist: { tarball: `${url}/demo.tgz` } };
  const index = { name: "demo", "dist-tags": { latest: "1.0.0" }, versions: { "1.0.0": version } };
  writeFileSync(join(folder, "demo"), JSON.stringify(index));
}
