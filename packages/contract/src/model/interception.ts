/** Interception of a VM's TLS connections, and the secrets that its requests get on their way out. */

export const ON_VIOLATION = ["block", "block_and_log", "block_and_terminate"] as const;
export type OnViolation = (typeof ON_VIOLATION)[number];

/** What of a request may have a secret in the place of its placeholder. */
export interface SecretInjection {
  readonly headers: boolean;
  readonly basicAuth: boolean;
  readonly query: boolean;
  readonly body: boolean;
}

/** All of a secret but its value. */
export interface SecretRule {
  /** Of the variable that has the placeholder in the guest; the secret is known by it everywhere. */
  readonly name: string;
  readonly placeholder: string;
  /** To whom it goes: names, `*.` and a name for one or more labels before it, `*` for any. */
  readonly hosts: readonly string[];
  readonly injection: SecretInjection;
  /** What becomes of a request with the placeholder to anybody else. */
  readonly onViolation: OnViolation;
  /** Who gets the placeholder as it is. */
  readonly passthroughHosts: readonly string[];
  /** Not over plain HTTP. */
  readonly requireTls: boolean;
}

export interface EgressSecret extends SecretRule {
  readonly value: string;
}

/** How connections are intercepted. */
export interface TlsSettings {
  /** Of TCP; at least one. */
  readonly ports: readonly number[];
  /** Whose connections are looked at no further than their name. */
  readonly bypass: readonly string[];
  readonly verifyUpstream: boolean;
  /** Whether UDP to these ports is refused. */
  readonly blockQuic: boolean;
  /** Authorities of servers besides those that everybody knows; PEM, one or more each. */
  readonly upstreamAuthorities: readonly string[];
  readonly scopedAuthorities: readonly { readonly host: string; readonly certificates: string }[];
  readonly scopedVerification: readonly { readonly host: string; readonly verify: boolean }[];
  /** Of the certificates that are made for servers. */
  readonly cache: { readonly capacity: number; readonly validityHours: number };
}

/** Whom guests trust for intercepted connections: PEM both. */
export interface AuthorityKeys {
  readonly certificate: string;
  readonly key: string;
}

/** All that a VM's proxy works by. Nobody writes it down. */
export interface InterceptionOrder {
  readonly authority: AuthorityKeys;
  readonly tls: TlsSettings;
  readonly secrets: readonly EgressSecret[];
}

/** Why a secret does not go where it was sent. */
export type BlockReason = "host" | "no_name" | "not_resolved" | "plain_http" | "http2_body" | "too_large";

export interface BlockedRequest {
  /** Its name. */
  readonly secret: string;
  readonly host: string;
  readonly reason: BlockReason;
  readonly action: OnViolation;
}
