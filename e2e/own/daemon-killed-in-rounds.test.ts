/** From the first trace of a snapshot to the last round of copying, while the guest still runs. */
import { STEPS } from "@fastvm/contract";
import { describeKilledAt } from "../harness/killed-in-snapshot.ts";

describeKilledAt(STEPS.slice(STEPS.indexOf("capture.begun"), STEPS.indexOf("capture.volumes-frozen")));
