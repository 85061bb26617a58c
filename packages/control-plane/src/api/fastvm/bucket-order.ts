/** A bucket mount as a body asks for it, in the engine's words. Errors never quote credentials. */
import { FastvmError, type BucketCredentials, type LaunchBody } from "@fastvm/contract";
import type { MountOrder } from "../../engine/engine.ts";
import { awsCredentials, invalid } from "./aws-credentials.ts";

type BucketBody = NonNullable<NonNullable<LaunchBody["bucketMounts"]>[number]>;

/** As S3 and Google name them; what is behind a slash would be a prefix, and no bucket. */
const URI = /^(?:s3|gs):\/\/[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]\/?$/;

export function bucketOrder(body: BucketBody, now: number): MountOrder {
  const { bucketUri, mountPath, readOnly } = body;
  if (!URI.test(bucketUri)) {
    const quoted = JSON.stringify(bucketUri.slice(0, 80));
    throw new FastvmError(
      "invalid_request",
      `bucketUri is ${quoted}; accepted is s3://bucket or gs://bucket`,
      {
        field: "bucketUri",
      },
    );
  }
  const uri = bucketUri.replace(/\/$/, "");
  const credentials = bucketCredentials(uri, body.credentials);
  return {
    volume: "",
    source: { kind: "bucket", uri, createdAtMs: now, credentials },
    mountPath,
    readOnly: readOnly ?? undefined,
  };
}

export function bucketCredentials(
  uri: string,
  { type, value: given }: BucketBody["credentials"],
): BucketCredentials {
  const value = given as Readonly<Record<string, unknown>>;
  const wanted = uri.startsWith("s3://") ? "aws-credentials" : "gcp-service-account-json";
  if (type !== wanted) throw invalid(`a bucket ${uri.slice(0, 5)}… takes credentials of type ${wanted}`);
  return wanted === "aws-credentials" ? awsCredentials(textOf(value, "data")) : serviceAccount(value);
}

function serviceAccount(value: Readonly<Record<string, unknown>>): BucketCredentials {
  if (value["type"] !== "service_account") throw invalid("value.type is to be service_account");
  for (const name of ["client_email", "private_key"]) textOf(value, name);
  const { endpoint_url: endpoint, ...account } = value;
  return {
    kind: "gcp",
    serviceAccount: JSON.stringify(account),
    ...(typeof endpoint === "string" && { endpointUrl: endpoint }),
  };
}

function textOf(value: Readonly<Record<string, unknown>>, name: string): string {
  const text = value[name];
  if (typeof text === "string" && text !== "") return text;
  throw invalid(`value.${name} is missing`);
}
