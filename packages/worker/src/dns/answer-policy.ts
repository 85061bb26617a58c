/**
 * What a guest may be told. The name asked for must be allowed, and so must every name of its
 * CNAME chain be when names are denied by a list: an alias leads to nothing that the list forbids.
 * Under a list of allowed names an alias may lead anywhere, as that is its owner's decision.
 */
import type { DnsPolicy } from "@fastvm/contract";
import type { DnsGuest, LearnedAddress } from "./guest-port.ts";
import { NameList } from "./name-pattern.ts";
import type { Resolution, ResolvedRecord } from "./resolution.ts";

/** Not under the TTL told, as the guest may use the address until then, and then it needs a moment to connect. */
const MIN_LEARNED_TTL_SEC = 5;
const LEARNED_GRACE_SEC = 2;

/** No client looks at more, and each is work for the firewall: an answer may have hundreds. */
const MAX_ADDRESSES = 32;

interface Permitted {
  readonly verdict: "answered" | "refused" | "filtered";
  /** The resolution's, less what the guest may not have. */
  readonly records: readonly ResolvedRecord[];
}

export function mayResolve(policy: DnsPolicy, name: string): boolean {
  return NameList.of(policy.domains).has(name) === (policy.mode === "allow");
}

export function permit(guest: DnsGuest, name: string, resolution: Resolution): Permitted {
  const policy = guest.policy();
  // Asked again, because the policy may have changed while the upstream was asked.
  if (!mayResolve(policy, name)) return { verdict: "refused", records: [] };
  if (policy.mode === "deny" && !resolution.chain.every(({ target }) => mayResolve(policy, target)))
    return { verdict: "refused", records: [] };
  const { records } = resolution;
  const kept = records.filter(
    ({ address }) =>
      address === undefined ||
      !address.guarded ||
      policy.allowsRebinding === true ||
      guest.allowsAddress(address.text),
  );
  const verdict = kept.length === records.length ? "answered" : "filtered";
  return { verdict, records: withFewAddresses(kept) };
}

function withFewAddresses(records: readonly ResolvedRecord[]): readonly ResolvedRecord[] {
  let addresses = 0;
  return records.filter(({ address }) => address === undefined || ++addresses <= MAX_ADDRESSES);
}

/** One entry for each name of the chain and each address. */
export function learnedAddresses(
  { asked, aliases }: { readonly asked: string; readonly aliases: readonly string[] },
  records: readonly ResolvedRecord[],
  ttlSec: number,
): LearnedAddress[] {
  const lifetimeSec = Math.max(ttlSec, MIN_LEARNED_TTL_SEC) + LEARNED_GRACE_SEC;
  const names = [{ name: asked, isAlias: false }, ...aliases.map((name) => ({ name, isAlias: true }))];
  return records.flatMap(({ address }) =>
    address === undefined
      ? []
      : names.map((name) => ({ ...name, address: address.text, ttlSec: lifetimeSec })),
  );
}
