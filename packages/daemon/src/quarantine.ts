/** What the daemon of a data folder keeps in quarantine: VMs and snapshots that none of its records knows. */
import { askOperator } from "./operator-request.ts";

export interface Quarantined {
  readonly id: string;
  readonly kind: "vm" | "snapshot";
  /** Instants as RFC 3339 has them. */
  readonly foundAt: string;
  readonly endsAt: string;
  /** That it takes while it runs. */
  readonly memoryMiB: number;
}

/** Longest kept first. */
export async function listQuarantine(dataDir: string): Promise<readonly Quarantined[]> {
  const answer = await askOperator(dataDir, "/quarantine");
  if (answer.status !== 200) throw new Error(`The daemon does not list its quarantine: ${answer.body}`);
  return JSON.parse(answer.body) as readonly Quarantined[];
}

/** It is gone for good when this resolves. */
export async function endQuarantined(dataDir: string, id: string): Promise<void> {
  const answer = await askOperator(dataDir, `/quarantine/${encodeURIComponent(id)}`, "DELETE");
  if (answer.status === 404) throw new Error(`${id} is not in quarantine`);
  if (answer.status !== 200) throw new Error(`${id} cannot be ended: ${answer.body}`);
}
