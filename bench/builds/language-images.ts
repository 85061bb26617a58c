/** Images of languages to build on, of Debian's packages: what examples of official images begin with, where those are not to be had. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runCli } from "../../e2e/harness/cli.ts";
import type { TestDaemon } from "../../e2e/harness/daemon.ts";
import { layoutOf } from "../../packages/worker/src/testing/oci-layout.ts";
import { testImage } from "../../packages/worker/src/testing/test-registry.ts";

/** Each has a folder here with a Dockerfile, whose image says hello. */
export const LANGUAGES = ["python", "node", "ruby", "gcc", "go"] as const;
export type Language = (typeof LANGUAGES)[number];

const PACKAGES: Readonly<Record<Language, readonly string[]>> = {
  python: ["python3-minimal"],
  node: ["nodejs"],
  go: ["golang-go"],
  ruby: ["ruby"],
  gcc: ["gcc", "libc6-dev"],
};
const CONFIG = { Env: ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"], Cmd: ["/bin/sh"] };
const LAYER = fileURLToPath(new URL("./layer.sh", import.meta.url));

export function contextOf(language: Language): string {
  return fileURLToPath(new URL(`./${language}`, import.meta.url));
}

const nameOf = (language: Language): string => `localhost/languages:${language}`;

/** The cache is the machine's, and these are large. */
export async function removeLanguage(daemon: TestDaemon, language: Language): Promise<void> {
  const removed = await runCli(["image", "rm", "--everybody", nameOf(language)], daemon.environment);
  if (removed.exitCode !== 0) throw new Error(`The image was not removed: ${removed.stderr}`);
}

/** As everybody's, `localhost/languages:NAME`. Needs Debian's mirror. */
export async function loadLanguage(daemon: TestDaemon, language: Language): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-language-"));
  try {
    const tar = join(folder, "layer.tar");
    await promisify(execFile)(LAYER, [tar, ...PACKAGES[language]]);
    const image = testImage({ layers: [await readFile(tar)], config: CONFIG });
    const parts = [image.top, ...image.blobs.values()];
    const archive = await layoutOf(image, nameOf(language), parts);
    const loaded = await runCli(["image", "load"], daemon.environment, archive);
    if (loaded.exitCode !== 0) throw new Error(`The image was not loaded: ${loaded.stderr}`);
  } finally {
    await rm(folder, { recursive: true });
  }
}
