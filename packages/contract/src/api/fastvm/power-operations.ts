/** Operations that stop and start a VM, as a power button does. */
import type { Operation } from "../operation.ts";
import { GUEST, VM } from "./operation-parts.ts";
import { StartBodySchema, StopBodySchema } from "./schemas/stop.ts";
import { VmSchema } from "./schemas/vm.ts";

export const POWER_OPERATIONS = {
  stopVm: {
    method: "POST",
    path: `${VM}/stop`,
    tag: "VMs",
    summary: "Stop a VM: its guest powers off, its disk is kept",
    description:
      "200: it is `stopped`. 202: it takes longer and goes on. A guest that does not power off within the grace loses its power. " +
      "Answers the same for a VM that is already stopped.",
    body: StopBodySchema,
    responses: { 200: VmSchema, 202: VmSchema },
    errors: ["vm_wrong_state", ...GUEST],
  },
  startVm: {
    method: "POST",
    path: `${VM}/start`,
    tag: "VMs",
    summary: "Start a stopped VM: its disk boots",
    description:
      "202: it is `provisioning`, and runs when its guest has booted; `statusReason` says so. A start that fails leaves it `stopped`, " +
      "with the reason. 200: it runs already. A VM in `error` whose disk is kept starts as well; " +
      "one that its host lost after a check of its disk.",
    body: StartBodySchema,
    responses: { 200: VmSchema, 202: VmSchema },
    errors: ["quota_exceeded", "vm_wrong_state", "out_of_capacity"],
  },
  restartVm: {
    method: "POST",
    path: `${VM}/restart`,
    tag: "VMs",
    summary: "Stop a VM and start it again",
    description: "202: it is `provisioning`, as of a start. A stopped VM is started.",
    body: StopBodySchema,
    responses: { 200: VmSchema, 202: VmSchema },
    errors: ["quota_exceeded", "vm_wrong_state", "out_of_capacity"],
  },
} as const satisfies Record<string, Operation>;
