/** The end of a test's daemon and of all that runs for it, whatever fails of that: a host is never left with a test's VMs. */
import { stopDaemon } from "@fastvm/daemon";
import { processesIn } from "./processes.ts";

/** Rejects with what failed, once nothing is left; with `dataDir` of no daemon it ends what runs there. */
export async function endDaemon(dataDir: string): Promise<void> {
  await using rest = new AsyncDisposableStack();
  rest.defer(async () => {
    for (const { pid } of await processesIn(dataDir)) sigkill(pid);
  });
  // Where VMs cannot be deleted, it goes all the same.
  rest.defer(async () => void (await stopDaemon({ dataDir })));
  await stopDaemon({ dataDir, vms: "delete" });
}

/** One that has ended since it was seen is no failure. */
function sigkill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
