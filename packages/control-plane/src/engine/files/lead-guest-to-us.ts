/**
 * The URLs of an object must be good inside the VM as well, whatever it may reach: their
 * host is made to lead to the server for guests there.
 */
import type { Parts } from "../context.ts";
import type { VmRecord } from "../../store/vm-repository.ts";

/** A guest that takes longer has other troubles, of which its client learns by the transfer. */
const MAPPING_LIMIT_MS = 5000;
/** Of URLs that name none. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/**
 * Never rejects: an upload needs nothing of this, and a guest may reach the host by its network. A VM that does
 * not run keeps what it had. Where something before us ends TLS, we have no certificate to serve the guest with.
 */
export async function leadGuestToUs(
  ctx: Parts<"log" | "staging" | "worker">,
  vm: Pick<VmRecord, "id" | "status">,
  base: URL,
): Promise<void> {
  if (vm.status !== "running" || base.protocol !== ctx.staging.protocol) return;
  const host = base.hostname.replace(/^\[|\]$/g, "");
  const port = base.port === "" ? DEFAULT_PORTS[base.protocol] : Number(base.port);
  if (port === undefined) return;
  try {
    await ctx.worker.mapToLoopback(vm.id, { host, port }, { signal: AbortSignal.timeout(MAPPING_LIMIT_MS) });
  } catch (error) {
    ctx.log.warn({ err: error, vmId: vm.id, host }, "the VM was not led to the API by this host");
  }
}
