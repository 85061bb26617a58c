/** Buckets of object stores as folders of VMs. */
import { Type, type Static } from "typebox";
import { MOUNT_STATUSES } from "../../../model/volume.ts";
import { nullable } from "./nullable.ts";
import { oneOf } from "./one-of.ts";

const mountPath = Type.String({ minLength: 1, description: "A folder beneath `/mnt/` or `/data/`." });

const CredentialsSchema = Type.Object(
  {
    type: Type.String({ description: "`gcp-service-account-json` or `aws-credentials`." }),
    value: Type.Object(
      {},
      {
        additionalProperties: true,
        description:
          "Never shown again. Of the first type a service account's JSON; of the second `{data}`, the text of an AWS credentials file, " +
          "of which `aws_access_key_id`, `aws_secret_access_key`, `aws_session_token`, `region` and `endpoint_url` are read.",
      },
    ),
  },
  { title: "BucketCredentials" },
);

const bucketUri = Type.String({ description: "`s3://…` or `gs://…`." });

export const BucketMountSchema = Type.Object(
  {
    id: Type.String(),
    vmId: Type.String(),
    bucketUri,
    mountPath,
    mountStatus: oneOf(MOUNT_STATUSES),
    createdAt: Type.String({ format: "date-time" }),
    readOnly: Type.Optional(Type.Boolean()),
    statusMessage: Type.Optional(Type.String()),
  },
  { title: "BucketMount" },
);
export type BucketMount = Static<typeof BucketMountSchema>;

/** As a snapshot has it. */
export const CapturedBucketSchema = Type.Object(
  { bucketUri, mountPath, readOnly: Type.Optional(Type.Boolean()) },
  { title: "CapturedBucket" },
);

export const AttachBucketMountBodySchema = Type.Object(
  { bucketUri, credentials: CredentialsSchema, mountPath, readOnly: Type.Optional(nullable(Type.Boolean())) },
  { title: "AttachBucketMountBody" },
);

export const RotateBucketMountBodySchema = Type.Object(
  { credentials: CredentialsSchema },
  { title: "RotateBucketMountBody" },
);
