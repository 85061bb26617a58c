/** `tls` and `secrets` from a file, as the API takes them: a value on a command line would be everybody's to see. */
import type { LaunchParams } from "fastvm";
import { UserError } from "../../user-error.ts";
import { readObject } from "../firewall/policy-file.ts";

export const SECRETS_TEXT =
  'JSON with "secrets" and "tls", as the API has them; `-`: from standard input. Values never go on the command line';
const EXAMPLE = '{"secrets": [{"name": "API_KEY", "value": "…", "hosts": ["api.example.com"]}]}';
const FIELDS: ReadonlySet<string> = new Set(["secrets", "tls"]);

export async function readInterception(
  path: string | undefined,
): Promise<Pick<LaunchParams, "secrets" | "tls">> {
  if (path === undefined) return {};
  const found = await readObject(path, "interception", EXAMPLE);
  const unknown = Object.keys(found).find((key) => !FIELDS.has(key));
  if (unknown === undefined) return found;
  throw new UserError(`The interception in ${path} has ${JSON.stringify(unknown)}`, `Such as ${EXAMPLE}`);
}
