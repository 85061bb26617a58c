/**
 * The host between guest and origin: a proxy as VMs have it, confined, and the firewall's own rules that lead to it. `gateway.ts
 * <options in JSON>`; says the proxy's pid in JSON, and ends with its input.
 */
import { execFileSync } from "node:child_process";
import { Interception } from "../../packages/worker/src/egress/interception.ts";
import {
  forgetMarked,
  interceptMark,
  leadMarked,
  renderIntercept,
} from "../../packages/worker/src/firewall/render-intercept.ts";
import { Cgroups } from "../../packages/worker/src/host/cgroups.ts";
import { probeNamespaces } from "../../packages/worker/src/host/namespaces.ts";
import { UidAllocator } from "../../packages/worker/src/host/uid-allocator.ts";
import { INTERCEPTED_PORT, WAYS } from "./wire.ts";
import type { Keys } from "./wire.ts";

interface GatewayOptions {
  /** For what the proxy says. */
  readonly folder: string;
  readonly authority: Keys;
  /** Of the origin, PEM. */
  readonly originAuthority: string;
}

const UID_BASE = 1_900_000_000;
const MARK = interceptMark("bec401");
const options = JSON.parse(process.argv[2] ?? "") as GatewayOptions;

const interception = new Interception({
  host: {
    uids: new UidAllocator(UID_BASE),
    cgroups: await Cgroups.open(`bench-proxy-${process.pid}`),
    namespaces: (await probeNamespaces()).given,
    folder: options.folder,
    hasIpv6: false,
  },
  name: "bench",
  judge: () => ({ allowed: true, isResolved: true, byName: false }),
  blocked: () => undefined,
  lead: async (ports) => {
    const chain = "inet bench intercept";
    const rules = renderIntercept({ ports: [INTERCEPTED_PORT], blockQuic: true }, ports, MARK);
    execFileSync("nft", ["-f", "-"], {
      input: [
        "add table inet bench",
        `add chain ${chain} { type filter hook prerouting priority mangle; }`,
        `flush chain ${chain}`,
        ...[...rules].map((rule) => `add rule ${chain} iifname "guest" ${rule}`),
      ].join("\n"),
    });
    execFileSync("sh", ["-ec", leadMarked(MARK, false)]);
  },
  onError: (error) => console.error(error),
});
await interception.arm({
  authority: options.authority,
  tls: {
    ports: [INTERCEPTED_PORT],
    bypass: [WAYS.bypassed.name],
    verifyUpstream: true,
    blockQuic: true,
    upstreamAuthorities: [options.originAuthority],
    scopedAuthorities: [],
    scopedVerification: [],
    cache: { capacity: 1000, validityHours: 24 },
  },
  secrets: [
    {
      name: "TOKEN",
      value: "value",
      placeholder: "__FASTVM_SECRET_TOKEN__",
      hosts: [WAYS.intercepted.name],
      injection: { headers: true, basicAuth: true, query: false, body: false },
      onViolation: "block_and_log",
      passthroughHosts: [],
      requireTls: true,
    },
  ],
});
process.stdout.write(`${JSON.stringify({ pid: interception.pid })}\n`);
await new Promise((resolve) => process.stdin.once("end", resolve).resume());
// What is left to wait for is a process that nothing else here waits for.
const stays = setInterval(() => undefined, 1000);
await interception.close();
clearInterval(stays);
execFileSync("sh", ["-ec", forgetMarked(MARK, false)], { stdio: "ignore" });
process.exit(0);
