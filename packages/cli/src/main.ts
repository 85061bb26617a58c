/** The `fastvm` command. Everything else is imported after the compile cache is on, which saves most of the start-up. */
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { readEnvironment } from "./settings/environment.ts";

// In a folder of this user: code that another user could write would be run as ours.
enableCompileCache(join(readEnvironment().cacheDir, "compile"));
void run();

async function run(): Promise<void> {
  const { exitOnBrokenPipe } = await import("./output/print.ts");
  const { runProgram } = await import("./program.ts");
  exitOnBrokenPipe();
  process.exitCode = await runProgram(process.argv.slice(2));
}
