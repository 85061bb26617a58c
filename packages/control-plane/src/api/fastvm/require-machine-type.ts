/** Machine types as this API has them in its bodies. */
import { FastvmError, parseMachineType, STANDARD_MACHINE_TYPES, type MachineType } from "@fastvm/contract";

export function requireMachineType(name: string): MachineType {
  const machine = parseMachineType(name);
  if (machine !== undefined) return machine;
  const accepted = `accepted is c{vCPUs}m{GiB of memory}, for example ${STANDARD_MACHINE_TYPES.join(", ")}`;
  const quoted = JSON.stringify(name.slice(0, 40));
  throw new FastvmError("invalid_request", `machineType ${quoted} is not a machine type; ${accepted}`, {
    field: "machineType",
  });
}
