/** The way of a request to what it is for: services are open to everybody, previews to whoever has a token. */
import {
  FastvmError,
  type PreviewLookup,
  type PreviewUse,
  type ServiceDirectory,
  type ServiceLookup,
} from "@fastvm/contract";
import type { Destination, PreviewDestination, ServiceDestination } from "../address/find-service.ts";
import { ProxyError } from "../answer/proxy-errors.ts";
import type { Known } from "./reach-service.ts";
import { unlessAborted } from "./unless-aborted.ts";

export interface Entry {
  /** How the VM is now, and whether the request may still go on. Rejects with a ProxyError, or with the signal's reason. */
  readonly lookUp: () => Promise<Known>;
  /** What the service sees as the host; absent: what the client sent. */
  readonly maskHost?: string;
  /** What stands for the token of the URL from now on. */
  readonly continuation?: { readonly cookie: string; readonly maxAgeSec: number };
  /** Calls `then` once if whoever is in by it may stay no longer. Gives what ends the watch. */
  onRevoked(then: () => void): () => void;
  /** Counts, where somebody asked for figures. */
  count(use: PreviewUse): void;
}

type Admitted = Extract<PreviewLookup, { kind: "known" }>;

/** Rejects with a ProxyError where the request may not go on, before anything is told of the VM. */
export async function entryTo(
  directory: ServiceDirectory,
  destination: Destination,
  kind: "http" | "websocket",
  gone: AbortSignal,
): Promise<Entry> {
  if (destination.kind === "service") return serviceEntry(directory, destination, gone);
  return previewEntry(directory, destination, kind, gone);
}

function serviceEntry(
  directory: ServiceDirectory,
  { address: { vmId, service } }: ServiceDestination,
  gone: AbortSignal,
): Entry {
  const lookUp = async () => knownOr404(await asked(directory.lookUp(vmId, service), gone));
  return { lookUp, count: () => undefined, onRevoked: () => () => undefined };
}

async function previewEntry(
  { previews }: ServiceDirectory,
  { address, credentials }: PreviewDestination,
  kind: "http" | "websocket",
  gone: AbortSignal,
): Promise<Entry> {
  const request = { ...address, kind, credentials };
  const admit = async () => admittedOrRefused(await asked(previews.admit(request), gone));
  const { grantId, maskHost, continuation } = await admit();
  return {
    lookUp: async () => {
      const { status, autoResume } = await admit();
      return { kind: "known", port: address.port, h2c: false, status, autoResume };
    },
    ...(maskHost === undefined ? {} : { maskHost }),
    ...(continuation === undefined ? {} : { continuation }),
    onRevoked: (then) => previews.onRevoked(address.vmId, grantId, then),
    count: (use) => previews.used(grantId, use),
  };
}

async function asked<T>(answer: Promise<T>, gone: AbortSignal): Promise<T> {
  try {
    return await unlessAborted(answer, gone);
  } catch (error) {
    if (!(error instanceof FastvmError && error.code === "database_unavailable")) throw error;
    throw new ProxyError("records_unavailable", undefined, { cause: error });
  }
}

function knownOr404(found: ServiceLookup): Known {
  if (found.kind === "known") return found;
  throw new ProxyError(found.kind === "unknown_vm" ? "machine_not_found" : "service_not_found");
}

function admittedOrRefused(found: PreviewLookup): Admitted {
  if (found.kind === "known") return found;
  throw new ProxyError(found.kind === "unknown_vm" ? "machine_not_found" : found.code);
}
