/** Starts a daemon with the settings that are its argument; a program of its own so that a test can run it in a network namespace. */
import { startDaemon } from "@fastvm/daemon";
import type { DaemonConfig } from "@fastvm/daemon";
import { bundled } from "../../packages/cli/src/testing/product.ts";

const started = await startDaemon(
  JSON.parse(process.argv[2] ?? "{}") as DaemonConfig,
  bundled("serve-entry"),
);
process.stdout.write(JSON.stringify(started));
