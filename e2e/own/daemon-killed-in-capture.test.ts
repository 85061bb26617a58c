/** From the first trace of a snapshot to what is copied of the VM. */
import { STEPS } from "@fastvm/contract";
import { describeKilledAt } from "../harness/killed-in-snapshot.ts";

describeKilledAt(STEPS.filter((step) => step.startsWith("capture.")));
