/** Which host a request names. */
import type { ClientRequest } from "../client-request.ts";

/** All that claim to be the host: a well-formed request has one. */
export function hostsOf({ rawHeaders }: ClientRequest): readonly string[] {
  const hosts: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase();
    if (name === "host" || name === ":authority") hosts.push(rawHeaders[index + 1] ?? "");
  }
  return hosts;
}
