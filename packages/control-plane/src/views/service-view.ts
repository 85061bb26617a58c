import {
  serviceHostname,
  servicePath,
  type ReachableService,
  type Service,
  type VmId,
} from "@fastvm/contract";

/** How the client reached us: it reaches services the same way. */
export interface Reached {
  readonly protocol: string;
  /** With its port. */
  readonly host: string;
}

/** The service with its URLs. */
export function serviceView(
  vmId: VmId,
  service: Service,
  domain: string,
  { protocol, host }: Reached,
): ReachableService {
  const address = { vmId, service: service.name };
  const port = /:\d+$/.exec(host)?.[0] ?? "";
  return {
    ...service,
    url: `${protocol}://${serviceHostname(address, domain)}${port}/`,
    pathUrl: `${protocol}://${host}${servicePath(address)}`,
  };
}
