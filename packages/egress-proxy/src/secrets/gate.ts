/** Which secrets may go where a request goes, and what their placeholders are otherwise. */
import type { BlockedRequest, BlockReason, EgressSecret } from "@fastvm/contract";
import { matchesAny } from "../hello/host-pattern.ts";
import { PlaceholderFinder } from "./find-placeholders.ts";

/** Where a request goes, as far as it is proven. */
interface Destination {
  /** The server's name, which the authority of each request is held to. Absent: none was named. */
  readonly name: string | undefined;
  readonly isTls: boolean;
  /** Whether the VM was told that the name has this address. */
  readonly isResolved: boolean;
}

/** What a placeholder means on its way to one destination. */
export type Meaning =
  | { readonly kind: "value"; readonly secret: EgressSecret }
  | { readonly kind: "blocked"; readonly secret: EgressSecret; readonly reason: BlockReason };

/** Where a placeholder stood that may not go there. */
export class BlockedSecret extends Error {
  override readonly name = "BlockedSecret";
  readonly secret: EgressSecret;
  readonly reason: BlockReason;

  constructor(secret: EgressSecret, reason: BlockReason) {
    super(`the secret ${secret.name} does not go there`);
    this.secret = secret;
    this.reason = reason;
  }

  told(host: string): BlockedRequest {
    return { secret: this.secret.name, host, reason: this.reason, action: this.secret.onViolation };
  }
}

/** For one connection: its finder is asked of all that it sends. */
export function finderFor(
  secrets: readonly EgressSecret[],
  destination: Destination,
): PlaceholderFinder<Meaning> {
  return new PlaceholderFinder(
    secrets.flatMap((secret) => {
      const of = meaningOf(secret, destination);
      return of === undefined ? [] : [{ bytes: Buffer.from(secret.placeholder), of }];
    }),
  );
}

/** `undefined`: it goes on as it is. */
function meaningOf(secret: EgressSecret, { name, isTls, isResolved }: Destination): Meaning | undefined {
  if (name !== undefined && matchesAny(secret.passthroughHosts, name)) return undefined;
  const reason =
    name === undefined
      ? "no_name"
      : !matchesAny(secret.hosts, name)
        ? "host"
        : !isResolved
          ? "not_resolved"
          : !isTls && secret.requireTls
            ? "plain_http"
            : undefined;
  return reason === undefined ? { kind: "value", secret } : { kind: "blocked", secret, reason };
}
