/** From an order to what the record says: values are sealed first, so that what is written down never holds one. */
import { FastvmError, type OrgId } from "@fastvm/contract";
import type { SealedSecret, WrittenInterception } from "../../store/vm-settings.ts";
import type { Parts } from "../context.ts";
import { checkedSecrets, checkedTls, DEFAULT_TLS, type GivenInterception } from "./given.ts";
import { sealValues, type GivenSecret } from "./secrets.ts";

/** To be asked with what the record has, as often as one likes; throws for a secret that has no value. */
type InterceptionChange = (before: WrittenInterception | undefined) => WrittenInterception | undefined;

/** Rejects with `invalid_request` for an order that is none. */
export async function changeOfInterception(
  ctx: Parts<"sealing">,
  orgId: OrgId,
  given: GivenInterception,
): Promise<InterceptionChange> {
  const tls = given.tls && checkedTls(given.tls);
  const secrets = given.secrets && checkedSecrets(given.secrets);
  const sealed = await sealValues(ctx, orgId, secrets ?? []);
  return (before) => {
    const written = {
      tls: tls ?? before?.tls ?? DEFAULT_TLS,
      secrets: secrets?.map((secret) => withValue(secret, sealed, before)) ?? before?.secrets ?? [],
    };
    if (written.secrets.length > 0) {
      if (given.tls?.enabled !== false) return written;
      throw new FastvmError("invalid_request", "secrets go nowhere without interception; take them out too", {
        field: "tls.enabled",
      });
    }
    // Without secrets it is on for as long as somebody wants it for itself, as who turned it on, and off again.
    const isOn = given.tls === undefined ? before !== undefined : given.tls.enabled !== false;
    return isOn ? written : undefined;
  };
}

function withValue(
  { value: _value, ...rule }: GivenSecret,
  sealed: ReadonlyMap<string, string>,
  before: WrittenInterception | undefined,
): SealedSecret {
  const kept = sealed.get(rule.name) ?? before?.secrets.find(({ name }) => name === rule.name)?.sealed;
  if (kept !== undefined) return { ...rule, sealed: kept };
  throw new FastvmError("invalid_request", `the secret ${rule.name} has no value`, { field: "secrets" });
}
