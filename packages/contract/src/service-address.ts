/**
 * Where a service is reached: by the host name `<name>--<VM's id as 32 digits>.proxy.<domain>`, which fits one DNS label, and, where there
 * is no wildcard DNS, by the path `/proxy/<32 digits>/<name>/`.
 */
import type { VmId } from "./model/ids.ts";

export interface ServiceAddress {
  readonly vmId: VmId;
  readonly service: string;
}

/** Under which paths of any host services are. */
export const SERVICE_PATH_PREFIX = "/proxy/";

const LABEL = /^([a-z0-9]+(?:-[a-z0-9]+)*)--([0-9a-f]{32})$/;
const HEX = /^[0-9a-f]{32}$/i;

export function serviceHostname({ vmId, service }: ServiceAddress, domain: string): string {
  return `${service}--${vmHex(vmId)}.proxy.${domain}`;
}

/** Ends with a slash. */
export function servicePath({ vmId, service }: ServiceAddress): string {
  return `${SERVICE_PATH_PREFIX}${vmHex(vmId)}/${service}/`;
}

/** `undefined` when the label before `.proxy.<domain>` cannot name a service. Lower case only. */
export function parseServiceLabel(label: string): ServiceAddress | undefined {
  const match = LABEL.exec(label);
  if (match === null) return undefined;
  const [, service = "", hex = ""] = match;
  return { service, vmId: vmIdOfHex(hex) };
}

/** The id that 32 hexadecimal digits stand for; `undefined` when it is something else. */
export function parseVmHex(text: string): VmId | undefined {
  return HEX.test(text) ? vmIdOfHex(text.toLowerCase()) : undefined;
}

function vmHex(vmId: VmId): string {
  return vmId.replaceAll("-", "");
}

function vmIdOfHex(hex: string): VmId {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5") as VmId;
}
