/** How much may lie in the staging area. */
export interface StagingLimits {
  /** Of all VMs of one organisation. That of a VM is the size of its disk, which each URL carries. */
  readonly bytesPerOrg: number;
  /** Free bytes of the disk that uploads leave. */
  readonly freeBytesFloor: number;
}
