/** The ports of a rule, as numbers. */

interface PortRange {
  readonly first: number;
  readonly last: number;
}

const MAX_PORT = 65_535;

/** `"any"` is every port; `undefined` when it is neither that nor a port or range of ports. */
export function parsePorts(text: string): PortRange | "any" | undefined {
  if (text === "any") return "any";
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first >= 1 && first <= last && last <= MAX_PORT ? { first, last } : undefined;
}

export function formatPorts({ first, last }: PortRange): string {
  return first === last ? `${first}` : `${first}-${last}`;
}
