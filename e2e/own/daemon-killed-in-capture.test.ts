/** From the first trace of a snapshot to what is copied of the VM. */
import { STEPS } from "@fastvm/contract";
import { describeKilledAt } from "../harness/killed-in-snapshot.ts";

/** Not passed by a VM without volumes, as this one is. */
const OF_VOLUMES = "capture.volumes-";

describeKilledAt(STEPS.filter((step) => step.startsWith("capture.") && !step.startsWith(OF_VOLUMES)));
