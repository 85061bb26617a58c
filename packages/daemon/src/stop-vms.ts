/** Stops the VMs of a daemon as a host that shuts down does: in order, and so that those start again that are to. */
import { askOperator } from "./operator-request.ts";

/** Guests power off together, but not all of a host at once: each writes out what it has. */
const MAX_AT_ONCE = 16;
/** What clients start meanwhile is found by the next round; one who never ceases is not waited for. */
const MAX_ROUNDS = 3;

interface Vm {
  readonly id: string;
  readonly status: string;
}

export async function stopVms(dataDir: string): Promise<void> {
  await ask(dataDir, "/shutdown", "POST");
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const left = (JSON.parse(await ask(dataDir, "/vms", "GET")) as readonly Vm[]).filter(mayRun);
    if (left.length === 0) return;
    const stopping = left.values();
    await Promise.all(Array.from({ length: MAX_AT_ONCE }, () => stopEach(dataDir, stopping)));
  }
}

/** Or is on its way there. */
function mayRun({ status }: Vm): boolean {
  return status !== "paused" && status !== "stopped" && status !== "error";
}

async function stopEach(dataDir: string, vms: Iterator<Vm>): Promise<void> {
  for (let next = vms.next(); next.done !== true; next = vms.next()) {
    await ask(dataDir, `/vms/${next.value.id}/stop`, "POST");
  }
}

/** One that was deleted meanwhile runs no more. */
async function ask(dataDir: string, path: string, method: string): Promise<string> {
  const { status, body } = await askOperator(dataDir, path, method);
  if (status >= 300 && status !== 404) throw new Error(`The daemon does not stop its VMs: ${body}`);
  return body;
}
