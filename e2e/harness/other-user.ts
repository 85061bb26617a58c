/** What another user of the host reaches of our files: tried by a process of that user, not read off the modes. */
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

export const NOBODY_UID = 65_534;

/** Opens each path to read and, as far as it is no folder, to write. A socket that could be connected to answers ENXIO to an open. */
const PROBE = `
import errno, json, os, sys
reached = []
for path in json.load(sys.stdin):
    for flags in (os.O_RDONLY, os.O_WRONLY):
        try:
            os.close(os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC))
            reached.append(path)
        except OSError as error:
            if error.errno == errno.ENXIO: reached.append(path)
            elif error.errno not in (errno.EACCES, errno.EPERM, errno.ENOENT, errno.EISDIR): raise
print(json.dumps(sorted(set(reached))))
`;

/** Everything in a folder, folders too, and itself; what goes meanwhile is left out. */
export async function pathsIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const paths = [folder];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    paths.push(...(entry.isDirectory() ? await pathsIn(path) : [path]));
  }
  return paths;
}

/** Which of the paths open for the user, who stands in `cwd`, where a QEMU of that user would. */
export async function reachedBy(uid: number, paths: readonly string[], cwd = "/"): Promise<string[]> {
  const probe = execFile("python3", ["-c", PROBE], { uid, gid: uid, cwd, maxBuffer: 64 * 1024 * 1024 });
  const output = Promise.withResolvers<string>();
  let [stdout, stderr] = ["", ""];
  probe.stdout?.on("data", (chunk) => (stdout += String(chunk)));
  probe.stderr?.on("data", (chunk) => (stderr += String(chunk)));
  probe.once("error", output.reject);
  probe.once("close", (code) => (code === 0 ? output.resolve(stdout) : output.reject(new Error(stderr))));
  probe.stdin?.end(JSON.stringify(paths));
  return JSON.parse(await output.promise) as string[];
}
