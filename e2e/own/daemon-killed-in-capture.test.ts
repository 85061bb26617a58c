/** From where the guest stands still to what is copied of the VM. */
import { STEPS } from "@fastvm/contract";
import { describeKilledAt } from "../harness/killed-in-snapshot.ts";

const begun = STEPS.indexOf("capture.volumes-frozen");
describeKilledAt(STEPS.slice(begun).filter((step) => step.startsWith("capture.")));
