/** What docs/SPECIFICATION.md promises of intercepted connections, held against direct ones of the same run. */
import { DOWNLOAD_MIB, HELD_CONNECTIONS } from "./measure/proxy.ts";
import { times, type Promised } from "./promised.ts";

const MS_PER_SECOND = 1_000;

/** The median of so many a second. */
function perSecond(count: number, ms: number | undefined): string {
  return ms === undefined ? "–" : ((count * MS_PER_SECOND) / ms).toFixed(0);
}

export const PROXY_PROMISES: readonly Promised[] = [
  {
    figure: "an intercepted request on a connection that is there, p50 (floor: direct)",
    bound: "≤ direct + 5 ms",
    measure: "proxy",
    unit: "ms",
    measured: "proxy_request_intercepted_ms_p50",
    floor: "proxy_request_direct_ms_p50",
    limit: ({ proxy_request_direct_ms_p50: direct }) => (direct === undefined ? undefined : direct + 5),
    beside: ({ proxy_request_bypassed_ms_p50: bypassed }) => `bypassed ${bypassed?.toFixed(2) ?? "–"} ms`,
    cost: "two ends of TLS and a request that is parsed, searched for placeholders and written anew, in one process",
  },
  {
    figure: "an intercepted connection with a request, four at once, p50 (floor: direct)",
    bound: "≤ 4 × direct",
    measure: "proxy",
    unit: "ms",
    measured: "proxy_connection_intercepted_ms_p50",
    floor: "proxy_connection_direct_ms_p50",
    limit: times(4, "proxy_connection_direct_ms_p50"),
    beside: (figures) =>
      [
        `${perSecond(1, figures.proxy_connection_intercepted_ms_p50)} a second`,
        `bypassed ${perSecond(1, figures.proxy_connection_bypassed_ms_p50)}`,
        `direct ${perSecond(1, figures.proxy_connection_direct_ms_p50)}`,
      ].join("; "),
    cost: "two handshakes more",
  },
  {
    figure: `${DOWNLOAD_MIB} MiB downloaded by an intercepted connection, p50 (floor: direct)`,
    bound: "≤ 5 × direct",
    measure: "proxy",
    unit: "ms",
    measured: "proxy_download_intercepted_ms_p50",
    floor: "proxy_download_direct_ms_p50",
    limit: times(5, "proxy_download_direct_ms_p50"),
    beside: (figures) =>
      [
        `${perSecond(DOWNLOAD_MIB, figures.proxy_download_intercepted_ms_p50)} MiB/s`,
        `bypassed ${perSecond(DOWNLOAD_MIB, figures.proxy_download_bypassed_ms_p50)}`,
        `direct ${perSecond(DOWNLOAD_MIB, figures.proxy_download_direct_ms_p50)}`,
      ].join("; "),
    cost: "each byte is decrypted and encrypted once more",
  },
  {
    figure: `memory that ${HELD_CONNECTIONS.toLocaleString("en")} intercepted connections add to their proxy (RSS)`,
    bound: "≤ 200 MiB",
    measure: "proxy",
    unit: "MiB",
    measured: "proxy_held_mib",
    limit: () => 200,
    beside: ({ proxy_idle_mib: idle }) => `without them ${idle?.toFixed(0) ?? "–"} MiB`,
    cost: "two ends of TLS, each with buffers of its own, and what Node has for a socket and a parser",
  },
];
