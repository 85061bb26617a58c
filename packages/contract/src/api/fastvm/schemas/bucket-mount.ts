/** Buckets of object stores as folders of VMs. This server has none; what it is asked of them it answers in the contract's words. */
import { Type } from "typebox";
import { MOUNT_STATUSES } from "../../../model/volume.ts";
import { nullable } from "./nullable.ts";
import { oneOf } from "./one-of.ts";

const mountPath = Type.String({ minLength: 1, description: "A folder beneath `/mnt/` or `/data/`." });

const CredentialsSchema = Type.Object(
  {
    type: Type.String({ description: "`gcp-service-account-json` or `aws-credentials`." }),
    value: Type.Object({}, { additionalProperties: true, description: "Never shown again." }),
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

export const AttachBucketMountBodySchema = Type.Object(
  { bucketUri, credentials: CredentialsSchema, mountPath, readOnly: Type.Optional(nullable(Type.Boolean())) },
  { title: "AttachBucketMountBody" },
);

export const RotateBucketMountBodySchema = Type.Object(
  { credentials: CredentialsSchema },
  { title: "RotateBucketMountBody" },
);
