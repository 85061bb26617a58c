/** Where signed transfers are served: below the base path alone, so that whose answers they are does not depend on a key. */
import type { VmId } from "@fastvm/contract";
import { MACHINES } from "../machines-scope.ts";

export const TRANSFER_ROUTE = `${MACHINES.basePath}/transfers/:vm`;

/** None of its characters means anything to a shell but the question mark, or anything to curl. */
export function transferUrl(base: URL, vmId: VmId, token: string): string {
  return `${base.origin}${MACHINES.basePath}/transfers/${vmId.replaceAll("-", "")}?token=${token}`;
}
