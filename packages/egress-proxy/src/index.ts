/** The proxy through which intercepted connections of VMs go, as the worker starts it and speaks with it. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AuthorityKeys } from "@fastvm/contract";

export { isHostName } from "./hello/read-hello.ts";
export { encode, onMessages } from "./wire.ts";
export type { Question, ToDaemon, ToProxy, Verdict } from "./wire.ts";

/** The library of certificates is loaded where one is needed: it takes 20 MiB and a tenth of a second. */
export async function makeAuthority(): Promise<AuthorityKeys> {
  return await (await import("./authority/authority.ts")).makeAuthority();
}

/** What Node is to run. */
export const PROGRAM = fileURLToPath(new URL("./main.ts", import.meta.url));
const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
/** Where it was installed without npm, with these packages in it (packaging/bundle.ts). */
const BUNDLE = join(PACKAGE, "bundle");
const LIBRARIES = "node_modules";

/** What it reads of the host's files: itself, and the packages that it is made with. */
export function exposedPaths(): readonly string[] {
  if (existsSync(BUNDLE)) return [PACKAGE];
  const library = createRequire(import.meta.url).resolve("@peculiar/x509");
  return [PACKAGE, library.slice(0, library.lastIndexOf(LIBRARIES) + LIBRARIES.length)];
}
