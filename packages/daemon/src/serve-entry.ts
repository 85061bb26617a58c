/** What a daemon started in the background runs: its settings come as one argument. Its last words are for the one that started it. */
import { writeSync } from "node:fs";
import type { DaemonConfig } from "./config.ts";
import { serve } from "./serve.ts";
import { LAST_WORDS, oneLine } from "./start-failure.ts";

const STANDARD_ERROR = 2;

serve(JSON.parse(process.argv[2] ?? "{}") as DaemonConfig).catch((error: unknown) => {
  writeSync(
    STANDARD_ERROR,
    `${LAST_WORDS}${oneLine(error instanceof Error ? error.message : String(error))}\n`,
  );
  process.exit(1);
});
