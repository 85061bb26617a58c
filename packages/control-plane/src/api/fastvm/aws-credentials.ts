/** The text of a credentials file as the AWS command line has it: of the profile `default`, or of the first one. */
import { FastvmError, type BucketCredentials } from "@fastvm/contract";

/** Nobody's has that many. */
const MAX_LINES = 200;
/** What goes into an option of a tool, where a comma would begin another one. */
const REGION = /^[a-z0-9-]{1,40}$/;
const ENDPOINT = /^https?:\/\/[A-Za-z0-9.[\]:-]+\/?$/;

export function awsCredentials(text: string): BucketCredentials {
  const profiles = profilesIn(text);
  const profile = profiles.get("default") ?? [...profiles.values()][0] ?? new Map<string, string>();
  const accessKeyId = profile.get("aws_access_key_id");
  const secretAccessKey = profile.get("aws_secret_access_key");
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw invalid(
      "value.data is to have aws_access_key_id and aws_secret_access_key, as an AWS credentials file",
    );
  const sessionToken = profile.get("aws_session_token");
  const region = checked(profile, "region", REGION);
  const endpointUrl = checked(profile, "endpoint_url", ENDPOINT)?.replace(/\/$/, "");
  return {
    kind: "aws",
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    ...(region !== undefined && { region }),
    ...(endpointUrl !== undefined && { endpointUrl }),
  };
}

function checked(profile: ReadonlyMap<string, string>, name: string, form: RegExp): string | undefined {
  const value = profile.get(name);
  if (value === undefined || form.test(value)) return value;
  throw invalid(`${name} has a form that is not accepted`);
}

function profilesIn(text: string): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const profiles = new Map<string, Map<string, string>>();
  let name = "default";
  for (const line of text.split("\n").slice(0, MAX_LINES)) {
    const section = /^\s*\[\s*(?:profile\s+)?([^\]]+?)\s*\]\s*$/.exec(line)?.[1];
    if (section !== undefined) name = section;
    const [, key, value] = /^\s*([a-z_]+)\s*=\s*(\S+)\s*$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    const profile = profiles.get(name) ?? new Map<string, string>();
    profiles.set(name, profile.set(key, value));
  }
  return profiles;
}

/** Says nothing of what was given. */
export function invalid(detail: string): FastvmError {
  return new FastvmError("invalid_request", `credentials: ${detail}`, { field: "credentials" });
}
