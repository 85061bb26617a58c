/** The egress proxies of one data folder's daemon, seen from outside. */
import { readFile } from "node:fs/promises";
import { processesIn } from "./processes.ts";

export async function proxiesIn(dataDir: string): Promise<number[]> {
  const found = await Promise.all(
    (await processesIn(dataDir)).map(async ({ pid }) => {
      const command = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
      return command.includes("egress-proxy/src/main.ts") ? [pid] : [];
    }),
  );
  return found.flat();
}
