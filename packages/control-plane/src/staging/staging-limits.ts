/** How much may be on its way between clients and VMs. */
export interface StagingLimits {
  /** Of all VMs of one organisation. That of a VM is the size of its disk, which each URL carries. */
  readonly bytesPerOrg: number;
  /** Free bytes of the disk that uploads leave. */
  readonly freeBytesFloor: number;
}
