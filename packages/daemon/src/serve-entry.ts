/** What a daemon started in the background runs: its settings come as one argument. */
import type { DaemonConfig } from "./config.ts";
import { serve } from "./serve.ts";

await serve(JSON.parse(process.argv[2] ?? "{}") as DaemonConfig);
