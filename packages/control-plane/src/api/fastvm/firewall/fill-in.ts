/** Makes a policy of the newer dialect whole. */
import { EVERY_NAME } from "../../../engine/engine.ts";
import type { DirectionPolicy, DnsPolicy, WrittenPolicy } from "@fastvm/contract";

/** As a client may write it. */
interface GivenPolicy {
  readonly ingress?: GivenDirection;
  readonly egress?: GivenDirection & Pick<WrittenPolicy["egress"], "rateLimit">;
  readonly dns?: Partial<DnsPolicy>;
}

type GivenDirection = Pick<DirectionPolicy, "default"> & Partial<DirectionPolicy>;

/** `base` has what the policy leaves out: the default for a new policy, the old one for a change. */
export function fillIn(policy: GivenPolicy, base: WrittenPolicy): WrittenPolicy {
  const { ingress, egress } = policy;
  const dns = policy.dns === undefined ? base.dns : { ...EVERY_NAME, ...policy.dns };
  return {
    ingress: ingress === undefined ? base.ingress : { default: ingress.default, rules: ingress.rules ?? [] },
    egress: egress === undefined ? base.egress : fillInEgress(egress),
    ...(dns === undefined ? {} : { dns }),
  };
}

function fillInEgress({
  rules = [],
  rateLimit,
  ...rest
}: NonNullable<GivenPolicy["egress"]>): WrittenPolicy["egress"] {
  return { default: rest.default, rules, ...(rateLimit === undefined ? {} : { rateLimit }) };
}
