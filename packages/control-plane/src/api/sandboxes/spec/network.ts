/** What a specification says of the network, as the engine's policy. */
import { isIP } from "node:net";
import type { DnsPolicy, SandboxSpec, WrittenPolicy } from "@fastvm/contract";
import { DEFAULT_POLICY, EVERY_NAME, type WrittenNetwork } from "../../../engine/engine.ts";
import { guestLinkOf } from "./interface.ts";
import { invalid } from "./invalid.ts";
import { HTTPS_PORT, policyOfDocument, type HttpsProtocol } from "./policy.ts";
import { publicationOf } from "./publication.ts";

type Network = NonNullable<SandboxSpec["network"]>;

const API = "microsandbox";
const NOTHING = { default: "deny", rules: [] } as const;
const CLOSED: WrittenPolicy = {
  ingress: NOTHING,
  egress: NOTHING,
  dns: { mode: "allow", domains: [], blockBypass: true },
};

/** `undefined`: as every VM has it of which nobody says anything. */
export function policyNetwork(network: SandboxSpec["network"]): WrittenNetwork | undefined {
  const names = namesOf(network?.dns ?? undefined);
  if (network === undefined) return undefined;
  const published = publicationOf(network);
  const guestLink = guestLinkOf(network.interface);
  if (network.enabled === false && guestLink !== undefined)
    throw invalid("network.interface", "needs a network that is enabled");
  if (network.enabled === false)
    return { policy: CLOSED, presentation: { api: API, value: { enabled: false } } };
  const document = network.policy ?? undefined;
  const maxConnections = network.max_connections ?? undefined;
  if (
    document === undefined &&
    maxConnections === undefined &&
    names === undefined &&
    guestLink === undefined &&
    published === undefined
  )
    return undefined;
  const blind = network.strict === true ? blindHttps(network) : [];
  const policy = document === undefined ? DEFAULT_POLICY : policyOfDocument(document, blind);
  return {
    policy: {
      ...policy,
      ...(names !== undefined && { dns: { ...(policy.dns ?? EVERY_NAME), ...names } }),
      ...(maxConnections !== undefined && { maxConnections }),
      ...(guestLink !== undefined && { guestLink }),
      ...(published !== undefined && { published }),
    },
    presentation: { api: API, value: { policy: document ?? null } },
  };
}

/** Over which nobody looks at HTTPS. QUIC is intercepted nowhere, and blocked where TLS is unless that is asked for. */
function blindHttps(network: Network): readonly HttpsProtocol[] {
  if (!interceptsHttps(network)) return ["tcp", "udp"];
  return network.tls?.block_quic_on_intercept === false ? ["udp"] : [];
}

/** Secrets alone turn it on as well. */
function interceptsHttps({ tls, secrets }: Network): boolean {
  const hasSecrets = [...(secrets?.entries ?? []), ...(secrets?.secrets ?? [])].length > 0;
  const isOn = tls?.enabled === true || (hasSecrets && (tls ?? undefined) === undefined);
  return isOn && (tls?.intercepted_ports ?? [HTTPS_PORT]).includes(HTTPS_PORT);
}

/** `undefined`: as the host has it. */
function namesOf(
  dns: Network["dns"],
): Pick<DnsPolicy, "nameservers" | "queryTimeoutMs" | "allowsRebinding"> | undefined {
  const { rebind_protection: isGuarded = true, nameservers = [], query_timeout_ms: ms } = dns ?? {};
  for (const [index, nameserver] of nameservers.entries())
    if (!isNameserver(nameserver))
      throw invalid(
        `network.dns.nameservers.${index}`,
        "must be a name or an address, with or without a port",
      );
  const names = {
    ...(nameservers.length > 0 && { nameservers }),
    ...(typeof ms === "number" && { queryTimeoutMs: ms }),
    ...(!isGuarded && { allowsRebinding: true }),
  };
  return Object.keys(names).length === 0 ? undefined : names;
}

const HOST =
  /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?)*$/;

function isNameserver(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const [, ipv6, host, port] = /^(?:\[(.+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const isPort = port === undefined || (Number(port) >= 1 && Number(port) <= 65_535);
  if (ipv6 !== undefined) return isPort && isIP(ipv6) === 6;
  // What is all digits and dots is an address, or none.
  return isPort && host !== undefined && (isIP(host) === 4 || (HOST.test(host) && !/^[\d.]+$/.test(host)));
}
