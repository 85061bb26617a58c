/** Takes the secrets out of what is to be printed: of the URLs and tokens that open a preview. */

const REDACTED = "[redacted]";
/** Of a token, so that two can be told apart in a log; nothing of one so short that this would be much of it. */
const SHOWN_CHARS = 4;
const SHORTEST_SHOWN = 24;
/** `__ns_preview_transport` names a transport and is no secret. */
const SECRET = /token|secret|signature|^sig$|password|^key$|api_?key/i;
/** A URL has one of these, also without its scheme; what has none may be the token itself. */
const NO_TOKEN = /[/?.:]/;

/** What may be printed in place of a token. */
export function redactPreviewToken(token: string | null | undefined): string {
  if (token === null || token === undefined || token === "") return "";
  return token.length >= SHORTEST_SHOWN ? `${token.slice(0, SHOWN_CHARS)}…${REDACTED}` : REDACTED;
}

/** The same URL without the credentials in it: of its query, its fragment and before its host. */
export function redactPreviewUrl(url: string | null | undefined): string {
  if (url === null || url === undefined || url === "") return "";
  if (!NO_TOKEN.test(url)) return redactPreviewToken(url);
  const [, start = "", query, fragment] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(url) ?? [];
  const withoutUser = start.replace(
    /^([^/]*:)?\/\/[^/]*@/,
    (_, scheme: string = "") => `${scheme}//${REDACTED}@`,
  );
  return `${withoutUser}${redactPairs(query)}${redactPairs(fragment)}`;
}

/** With the `?` or `#` before them. Only what has to be is written anew. */
function redactPairs(text: string | undefined): string {
  if (text === undefined) return "";
  return `${text.slice(0, 1)}${text.slice(1).split("&").map(redactPair).join("&")}`;
}

function redactPair(pair: string): string {
  const [name = "", ...value] = pair.split("=");
  const [decoded] = [...new URLSearchParams(`${name}=`).keys()];
  const isSecret = value.join("") !== "" && SECRET.test(decoded ?? name);
  return isSecret ? `${name}=${REDACTED}` : pair;
}
