/** From the files of a snapshot to its name. */
import { STEPS } from "@fastvm/contract";
import { describeKilledAt } from "../harness/killed-in-snapshot.ts";

describeKilledAt(STEPS.filter((step) => step.startsWith("publish.")));
