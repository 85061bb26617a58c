export { isUuid, newOrgId, newSnapshotId, newVmId } from "./ids.ts";
export type { OrgId, SnapshotId, VmId } from "./ids.ts";
export { ERROR_CATALOGUE, FastvmError } from "./errors.ts";
export type { ErrorCode, ErrorEntry } from "./errors.ts";
export * from "./limits.ts";
export { DEFAULT_MACHINE_TYPE, parseMachineType, STANDARD_MACHINE_TYPES } from "./machine-type.ts";
export type { MachineType } from "./machine-type.ts";
export type * from "./worker-port.ts";
