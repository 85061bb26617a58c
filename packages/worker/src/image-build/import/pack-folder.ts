/** A folder of this machine as a layer, by the machine's tar: what is in it is only read, and links in it are not followed. */
import { startCoprocess } from "../../processes/spawn.ts";
import { invalidImage } from "../../images/invalid-image.ts";
import type { ImportSource } from "./open-source.ts";

/** Times of reading and of changes of names are nobody's; the order is that of the names, so that the same folder is the same layer. */
const PAX_OPTIONS = "delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f";

export async function* packFolder({ path }: ImportSource): AsyncIterable<Uint8Array> {
  const tar = startCoprocess("tar", [
    ...[
      "--create",
      "--file=-",
      "--format=pax",
      `--pax-option=${PAX_OPTIONS}`,
      "--numeric-owner",
      "--sort=name",
    ],
    ...["--xattrs", "--xattrs-include=*", "--one-file-system"],
    ...["--directory", path, "."],
  ]);
  tar.stdin.end();
  try {
    for await (const chunk of tar.stdout) yield chunk as Uint8Array;
    const { code, signal } = await tar.exited;
    if (code !== 0)
      throw invalidImage(`the folder changed or cannot be read (tar ended with ${code ?? signal})`);
  } finally {
    tar.kill();
  }
}
