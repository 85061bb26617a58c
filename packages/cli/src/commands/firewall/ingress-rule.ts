/** `tcp:80`, `udp:5000-5010`: an ingress rule as it is typed. */
import type { FirewallRule } from "fastvm";
import { InvalidArgumentError } from "commander";

const SHAPE = /^(tcp|udp):(\d{1,5})(?:-(\d{1,5}))?$/;
const MAX_PORT = 65_535;

/** Collects the rules of an option that is given any number of times. */
export function ingressRule(text: string, previous: readonly FirewallRule[] = []): FirewallRule[] {
  const [, protocol = "", start = "", end] = SHAPE.exec(text) ?? [];
  const [portStart, portEnd] = [Number(start), Number(end ?? start)];
  if (protocol === "" || portStart < 1 || portEnd > MAX_PORT || portEnd < portStart) {
    throw new InvalidArgumentError("It must be tcp:PORT or udp:PORT, or a range such as tcp:8000-8010.");
  }
  return [...previous, { protocol, portStart, ...(end === undefined ? {} : { portEnd }) }];
}
