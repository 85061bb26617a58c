/** A tree of files whose hash a test knows without reading it: made by a guest, and looked at by the same or another one. */
import { createHash } from "node:crypto";
import type { VmId } from "@fastvm/contract";
import type { TestWorker } from "./test-worker.ts";

/** Of a tree what is in each file, by name. */
export const TREE: ReadonlyMap<string, string> = new Map(
  Array.from({ length: 40 }, (_, at) => [`${at % 5}/${at}`, `${at} `.repeat(at * 50)]),
);

export function hashOf(tree: ReadonlyMap<string, string>): string {
  const hash = createHash("sha256");
  for (const [name, content] of [...tree].toSorted(([one], [other]) => (one < other ? -1 : 1)))
    hash.update(`${name}|${content}|`);
  return hash.digest("hex");
}

/** Made in the guest, which is told only how; its hash. */
export async function makeTree(host: TestWorker, vmId: VmId, path: string): Promise<string> {
  const make = `
import os
for at in range(${TREE.size}):
    os.makedirs("${path}/tree/%d" % (at % 5), exist_ok=True)
    open("${path}/tree/%d/%d" % (at % 5, at), "w").write(("%d " % at) * (at * 50))
`;
  await host.sh(vmId, `python3 -c '${make}'`);
  return hashOf(TREE);
}

/** The same of what the guest finds now. */
export async function treeIn(host: TestWorker, vmId: VmId, path: string): Promise<string> {
  const look = `
import hashlib, os
found = {}
for folder, _, names in os.walk("${path}/tree"):
    for name in names:
        path = os.path.join(folder, name)
        found[os.path.relpath(path, "${path}/tree")] = open(path).read()
print(hashlib.sha256("".join("%s|%s|" % one for one in sorted(found.items())).encode()).hexdigest())
`;
  return await host.sh(vmId, `python3 -c '${look}'`);
}
