/** Images of many kinds, made here of Debian's packages as the base image has them: as an OCI layout, and as an archive of it. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const LISTING = here("../../packages/worker/src/testing/tree-listing.py");
const MAX_LISTING_BYTES = 64 * 1024 ** 2;
const PROGRAM = `#include <stdio.h>
int main(int argc, char **argv) { printf("%d %s\\n", argc, argv[argc - 1]); return 7; }`;

/** What the others of Debian have as their first layer: unpacked and booted by itself with FASTVM_TEST_IMAGES=all alone. */
const COVERED = ["slim"] as const;
const KINDS = ["scratch", "busybox", "python", "systemd", ...COVERED] as const;
export type ImageKind = (typeof KINDS)[number];
const isCovered = (kind: ImageKind): boolean => COVERED.some((each) => each === kind);

export const IMAGE_KINDS: readonly ImageKind[] = KINDS.filter(
  (kind) => process.env["FASTVM_TEST_IMAGES"] === "all" || !isCovered(kind),
);

export class ImageKinds implements AsyncDisposable {
  readonly folder: string;
  readonly #cacheDir: string;

  /** `cacheDir`: whose base image has the packages. */
  static async make(cacheDir: string, wanted: readonly ImageKind[] = IMAGE_KINDS): Promise<ImageKinds> {
    const folder = await mkdtemp(join("/var/cache/fastvm-test", "kinds-"));
    const kinds = new ImageKinds(folder, cacheDir);
    await writeFile(join(folder, "program.c"), PROGRAM);
    await run("musl-gcc", ["-static", "-Os", "-s", "-o", join(folder, "program"), join(folder, "program.c")]);
    await kinds.#mounted(join(cacheDir, "images", "current", "rootfs.raw"), async (root) => {
      const layout = join(folder, "layout");
      await run("python3", [here("make-images.py"), root, join(folder, "program"), layout, ...wanted]);
      await run("tar", ["--create", "--file", kinds.archive, "--directory", layout, "."]);
    });
    return kinds;
  }

  private constructor(folder: string, cacheDir: string) {
    this.folder = folder;
    this.#cacheDir = cacheDir;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true });
  }

  /** For `fastvm image load`. */
  get archive(): string {
    return join(this.folder, "images.tar");
  }

  nameOf(kind: ImageKind): string {
    return `localhost/kinds:${kind}`;
  }

  /** What umoci makes of it, one line an entry. */
  async byUmoci(kind: ImageKind): Promise<readonly string[]> {
    const bundle = join(this.folder, `bundle-${kind}`);
    await run("umoci", ["unpack", "--image", `${join(this.folder, "layout")}:${kind}`, bundle]);
    try {
      return await listing(join(bundle, "rootfs"));
    } finally {
      await rm(bundle, { recursive: true });
    }
  }

  /** What the daemon of that cache has made of it. */
  async byUs(kind: ImageKind): Promise<readonly string[]> {
    const { folder } = await this.#made(kind);
    return await this.#mounted(join(folder, "rootfs.raw"), listing);
  }

  /** The file systems that were made of it, and what else images that boot have. */
  async folderOf(kind: ImageKind): Promise<string> {
    return (await this.#made(kind)).folder;
  }

  /** Names of the templates that there are of it on that machine type. */
  async templatesOf(kind: ImageKind, machine: string): Promise<readonly string[]> {
    const { digest } = await this.#made(kind);
    const templates = join(this.#cacheDir, "templates");
    const found: string[] = [];
    for (const name of await readdir(templates)) {
      const text = await readFile(join(templates, name, "manifest.json"), "utf8").catch(() => "{}");
      const made = JSON.parse(text) as { imageDigest?: string; machine?: { name: string } };
      if (made.imageDigest === digest && made.machine?.name === machine) found.push(name);
    }
    return found;
  }

  /** As the daemon of that cache keeps it. */
  async #made(kind: ImageKind): Promise<{ readonly folder: string; readonly digest: string }> {
    const { manifests } = JSON.parse(await readFile(join(this.folder, "layout", "index.json"), "utf8")) as {
      manifests: readonly { digest: string; annotations: Record<string, string> }[];
    };
    const digest = manifests.find(({ annotations }) =>
      Object.values(annotations).includes(this.nameOf(kind)),
    )?.digest;
    const images = join(this.#cacheDir, "images");
    const base = await readlink(join(images, "current"));
    for (const name of await readdir(images)) {
      const text = await readFile(join(images, name, "manifest.json"), "utf8").catch(() => "{}");
      const made = JSON.parse(text) as { manifestDigest?: string; base?: string };
      if (made.manifestDigest === digest && made.base === base)
        return { folder: join(images, name), digest: name };
    }
    throw new Error(`there is no root file system of ${kind}`);
  }

  /** What is in it we have made ourselves. */
  async #mounted<T>(file: string, work: (root: string) => Promise<T>): Promise<T> {
    const root = await mkdtemp(join(this.folder, "mounted-"));
    await run("mount", ["-o", "loop,ro,noload", file, root]);
    try {
      return await work(root);
    } finally {
      await run("umount", [root]);
    }
  }
}

async function listing(tree: string): Promise<readonly string[]> {
  const { stdout } = await run("python3", [LISTING, tree], { maxBuffer: MAX_LISTING_BYTES });
  return stdout.trim().split("\n");
}
