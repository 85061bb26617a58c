import type { OrgId } from "@fastvm/contract";

/** Who asks: the organisation that the key belongs to. */
export interface Caller {
  readonly orgId: OrgId;
  readonly keyId: string;
}

export const SYSTEM_ACTOR = "system";

export function actorOf(caller: Caller): string {
  return `key:${caller.keyId}`;
}
