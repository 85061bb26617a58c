/** Files of volumes for the host's own calls, which need no VM. */
import type { VolumeFiles, VolumeId } from "@fastvm/contract";
import { unlessAborted } from "../../concurrency/unless-aborted.ts";
import { about } from "../server/volume-file-error.ts";
import { listFolder, makeFolder, removeAt, renameAt } from "./folders.ts";
import type { HostSessions } from "./host-sessions.ts";
import { openToRead, setModeAt, writeWhole } from "./read-write.ts";
import { VolumeTree } from "./volume-tree.ts";

export function volumeFiles(sessions: HostSessions): VolumeFiles {
  const during = <T>(
    volumeId: VolumeId,
    path: string,
    signal: AbortSignal | undefined,
    work: (tree: VolumeTree) => Promise<T>,
  ): Promise<T> =>
    unlessAborted(async () => {
      const { session, end } = await sessions.take(volumeId);
      try {
        using tree = new VolumeTree(session);
        return await about(path, () => work(tree));
      } finally {
        end();
      }
    }, signal);
  return {
    info: (id, path, { followLinks = false, signal } = {}) =>
      during(id, path, signal, async (tree) =>
        tree.infoOf(path, await tree.require(path, { follow: followLinks })),
      ),
    list: (id, path, options) => during(id, path, options.signal, (tree) => listFolder(tree, path, options)),
    makeFolder: (id, path, { mode, signal } = {}) =>
      during(id, path, signal, (tree) => makeFolder(tree, path, mode)),
    setMode: (id, path, mode, { signal } = {}) =>
      during(id, path, signal, (tree) => setModeAt(tree, path, mode)),
    remove: (id, path, { recursive = false, signal } = {}) =>
      during(id, path, signal, (tree) => removeAt(tree, path, { recursive, signal })),
    rename: (id, path, newPath, { signal } = {}) =>
      during(id, path, signal, (tree) => renameAt(tree, path, newPath)),
    write: (id, path, content, options = {}) =>
      during(id, path, options.signal, (tree) => writeWhole(tree, path, content, options)),
    read: async (id, path, { signal } = {}) => {
      const { session, end } = await sessions.take(id);
      const tree = new VolumeTree(session);
      const done = (): void => {
        tree[Symbol.dispose]();
        end();
      };
      try {
        const content = await unlessAborted(() => about(path, () => openToRead(tree, path, done)), signal);
        return abortable(content, signal);
      } catch (error) {
        done();
        throw error;
      }
    },
  };
}

async function* abortable(
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of content) {
    signal?.throwIfAborted();
    yield bytes;
  }
}
