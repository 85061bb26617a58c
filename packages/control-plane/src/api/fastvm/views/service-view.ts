import {
  serviceHostname,
  servicePath,
  type ReachableService,
  type Service,
  type VmId,
} from "@fastvm/contract";
import type { ControlPlaneConfig } from "../../../config.ts";

/** The service with its URLs. `base`: where the client reaches us; it reaches services the same way. */
export function serviceView(
  vmId: VmId,
  service: Service,
  { domain, pathUrls }: Pick<ControlPlaneConfig, "domain" | "pathUrls">,
  base: URL,
): ReachableService {
  const address = { vmId, service: service.name };
  const port = base.port === "" ? "" : `:${base.port}`;
  return {
    ...service,
    url: `${base.protocol}//${serviceHostname(address, domain)}${port}/`,
    ...(pathUrls ? { pathUrl: `${base.origin}${servicePath(address)}` } : {}),
  };
}
