/** The guest's /etc/hosts, which is its owner's: a line is added for a name of ours, all else stays as it is, byte for byte. */
const OURS = "# fastvm: staging URLs";
const LOOPBACK = "127.0.0.1";

/** The file with a line that leads the name to the guest's loopback; `undefined` when it has one. */
export function withLoopbackName(hosts: Buffer, name: string): Buffer | undefined {
  // A byte is a character and stays one.
  const text = hosts.toString("latin1");
  if (text.split("\n").some((line) => leadsToLoopback(line, name))) return undefined;
  const separator = text === "" || text.endsWith("\n") ? "" : "\n";
  return Buffer.from(`${text}${separator}${LOOPBACK} ${name} ${OURS}\n`, "latin1");
}

function leadsToLoopback(line: string, name: string): boolean {
  const [address, ...names] = (line.split("#", 1)[0] ?? "").trim().split(/\s+/);
  return address === LOOPBACK && names.some((one) => one.toLowerCase() === name);
}
