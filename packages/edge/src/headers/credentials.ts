/**
 * Keys and tokens of the API must not come to be known to programs in VMs: a client may send its key along with every request,
 * and a page its address. What counts is the value, not the name, so that a service's own keys and `Authorization` pass.
 */
import type { CredentialCheck } from "@fastvm/contract";

/** Members of a list that are looked at each; no key is in what goes on for longer. */
const MAX_MEMBERS = 32;

/** Whether a header's, a cookie's or a parameter's value is or contains a credential, in any of the ways in which values are written. */
export function isCredential(value: string, check: CredentialCheck): boolean {
  return readingsOf(value).some((reading) => check(reading));
}

function readingsOf(value: string): readonly string[] {
  const plain = value.trim();
  const decoded = percentDecoded(plain);
  const once = decoded === plain ? [plain] : [plain, decoded];
  const afterScheme = once.flatMap((text) => /^[\w-]+\s+(\S.*)$/.exec(text)?.[1] ?? []);
  const members = once.flatMap((text) => [
    ...text.split(/[,;&?]+/, MAX_MEMBERS),
    ...text.split(/\s+/, MAX_MEMBERS),
  ]);
  return [
    ...once,
    ...afterScheme,
    ...afterScheme.flatMap(basicParts),
    ...members.map((member) => valueOfPair(member.trim())),
  ].map(unquoted);
}

/** Of `name=value`, the value; base64 may end in the same sign. */
function valueOfPair(text: string): string {
  return percentDecoded(/^[^=]+=(?=[^=])(.*)$/s.exec(text)?.[1] ?? text);
}

/** User and password, as HTTP's Basic has them. */
function basicParts(token: string): readonly string[] {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(token)) return [];
  const [user = "", ...password] = Buffer.from(token, "base64").toString("latin1").split(":");
  return [user, password.join(":")];
}

function unquoted(text: string): string {
  return /^"(.*)"$/s.exec(text)?.[1] ?? text;
}

/** As forms have it, where `+` is a space. Of what is not well encoded each byte that is, as lenient servers do. */
function percentDecoded(text: string): string {
  if (!/[%+]/.test(text)) return text;
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced.replaceAll(/%([0-9a-f]{2})/gi, (_whole, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    );
  }
}

/** The target without the parameters that give a credential away; what is left is as it was written. */
export function withoutCredentials(target: string, check: CredentialCheck): string {
  const at = target.indexOf("?");
  if (at < 0) return target;
  const pairs = target.slice(at + 1).split("&");
  const left = pairs.filter((pair) => !isCredential(pair, check));
  if (left.length === pairs.length) return target;
  return left.length === 0 ? target.slice(0, at) : `${target.slice(0, at)}?${left.join("&")}`;
}
