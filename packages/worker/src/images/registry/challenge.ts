/** What a registry wants to see before it answers (RFC 9110, section 11). */

interface Challenge {
  readonly scheme: "basic" | "bearer";
  /** By lower-case name. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** A longer header is nobody's that means well, and the expressions below would be slow with it. */
const MAX_HEADER_LENGTH = 4096;
const PARAMETER = /(?<name>[a-z]+)\s*=\s*(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<token>[^\s",]+))/gi;

/** The first that we can meet; Bearer is preferred, as with it the password goes to the registry's own server for tokens. */
export function readChallenge(header: string | undefined): Challenge | undefined {
  if (header === undefined || header.length > MAX_HEADER_LENGTH) return undefined;
  const bearer = /(?:^|,)\s*bearer\s+(.*)$/i.exec(header)?.[1];
  if (bearer !== undefined) return { scheme: "bearer", parameters: readParameters(bearer) };
  const basic = /(?:^|,)\s*basic(?:\s+(.*))?$/i.exec(header);
  if (basic !== null) return { scheme: "basic", parameters: readParameters(basic[1] ?? "") };
  return undefined;
}

function readParameters(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { groups = {} } of text.matchAll(PARAMETER)) {
    const { name = "", quoted, token = "" } = groups;
    found.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, "$1") ?? token);
  }
  return found;
}
