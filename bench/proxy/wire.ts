/** What the programs of the proxy's measure tell each other, and where in their three namespaces everybody is. */

export const PLACES = {
  guest: "192.0.2.2",
  guestGateway: "192.0.2.1",
  originGateway: "198.51.100.1",
  origin: "198.51.100.2",
} as const;

/** The origin listens at both; the kernel leads what goes to the second to the proxy. */
export const DIRECT_PORT = 9443;
export const INTERCEPTED_PORT = 8443;

/** The same server by three ways. The proxy carries the second as it is. */
export const WAYS = {
  direct: { name: "direct.test", port: DIRECT_PORT },
  bypassed: { name: "bypassed.test", port: INTERCEPTED_PORT },
  intercepted: { name: "intercepted.test", port: INTERCEPTED_PORT },
} as const;
export type Way = keyof typeof WAYS;

/** To the client, a line of JSON each; it answers each with one. */
export type ClientCommand =
  /** Requests one after the other on one connection: milliseconds of each. */
  | { readonly kind: "requests"; readonly way: Way; readonly count: number }
  /** Connections of a request each, some at a time: milliseconds for all. */
  | { readonly kind: "connections"; readonly way: Way; readonly count: number; readonly atOnce: number }
  /** One answer of so many bytes: milliseconds. */
  | { readonly kind: "download"; readonly way: Way; readonly bytes: number }
  /** Connections that stay, after a request each, until the client ends. */
  | { readonly kind: "hold"; readonly way: Way; readonly count: number };

/** PEM: whom the origin and the client have. */
export interface Keys {
  readonly certificate: string;
  readonly key: string;
}
