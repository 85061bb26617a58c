/** All that a worker is told of a VM's record. */
import { KEYS } from "../keys/authorized-keys.ts";
import { NETWORK } from "../network/change-network.ts";
import { VOLUMES } from "../volumes/attach.ts";
import type { WorkerPart } from "../owed/worker-part.ts";
import { DEADLINE } from "./deadline.ts";

export const WORKER_PARTS: readonly WorkerPart[] = [NETWORK, KEYS, DEADLINE, VOLUMES];
