/** Interception of a VM's TLS connections, and the secrets that its requests get on their way out. */

/** What of a request may have a secret in the place of its placeholder. */
export interface SecretInjection {
  /** Default true. */
  readonly headers?: boolean | undefined;
  /** Within `Authorization: Basic`. Default true. */
  readonly basicAuth?: boolean | undefined;
  /** Default false. */
  readonly query?: boolean | undefined;
  /** Over HTTP/1.1, up to 16 MiB with a length, not compressed. Default false. */
  readonly body?: boolean | undefined;
}

/** A later server may know more. */
export type OnViolation = "block" | "block_and_log" | "block_and_terminate" | (string & {});

export interface SecretParams {
  /** Of the variable that has the placeholder in the guest from its next start on. */
  readonly name: string;
  /** 1–65536 bytes. Left out: the one that it has. */
  readonly value?: string | null | undefined;
  /** Default: `__FASTVM_SECRET_<name>__`. */
  readonly placeholder?: string | null | undefined;
  /** To whom it goes: names in lower case, `*.` and a name for one or more labels before it, `*` for any. */
  readonly hosts: readonly string[];
  readonly injection?: SecretInjection | null | undefined;
  /** What becomes of a request with the placeholder to anybody else. Default: `block_and_log`. */
  readonly onViolation?: OnViolation | null | undefined;
  /** Who gets the placeholder as it is. */
  readonly passthroughHosts?: readonly string[] | null | undefined;
  /** Not over plain HTTP. Default true. */
  readonly requireTls?: boolean | null | undefined;
}

/** All of a secret but its value, which nothing shows. */
export interface Secret {
  readonly name: string;
  readonly placeholder: string;
  readonly hosts: readonly string[];
  readonly injection: Required<{ readonly [Place in keyof SecretInjection]: boolean }>;
  readonly onViolation: OnViolation;
  readonly passthroughHosts: readonly string[];
  readonly requireTls: boolean;
}

export interface ScopedUpstreamCa {
  readonly host: string;
  /** PEM. */
  readonly certificates: string;
}

export interface ScopedVerifyUpstream {
  readonly host: string;
  readonly verify: boolean;
}

export interface TlsCache {
  readonly capacity: number;
  readonly validityHours: number;
}

/** How a VM's connections are intercepted. */
export interface Tls {
  readonly ports: readonly number[];
  /** Whose connections are not looked into. */
  readonly bypass: readonly string[];
  readonly verifyUpstream: boolean;
  /** Whether UDP to these ports is refused. */
  readonly blockQuic: boolean;
  /** Authorities of servers besides those that everybody knows; PEM. */
  readonly upstreamCa: readonly string[];
  readonly scopedUpstreamCa: readonly ScopedUpstreamCa[];
  readonly scopedVerifyUpstream: readonly ScopedVerifyUpstream[];
  readonly cache: TlsCache;
}

/** What is left out has its default: port 443, no bypass, servers verified, QUIC refused. */
export type TlsParams = { readonly [Field in keyof Tls]?: Tls[Field] | undefined } & {
  /** Default true; false turns it off. */
  readonly enabled?: boolean | undefined;
};
