/** A bucket as a folder of a VM: what can be asked for, and what is shown. */

export interface BucketCredentials {
  /** `gcp-service-account-json` or `aws-credentials`. */
  readonly type: string;
  /** A service account's JSON; or `{ data }`, the text of an AWS credentials file, with `region` and `endpoint_url` where needed. */
  readonly value: Readonly<Record<string, unknown>>;
}

export interface AttachBucketMountParams {
  /** `s3://…` or `gs://…`. */
  readonly bucketUri: string;
  readonly credentials: BucketCredentials;
  readonly mountPath: string;
  readonly readOnly?: boolean | undefined;
}

export interface BucketMount {
  readonly id: string;
  readonly vmId: string;
  readonly bucketUri: string;
  readonly mountPath: string;
  readonly mountStatus: "mounted" | "failed" | "pending" | (string & {});
  readonly createdAt: string;
  readonly readOnly?: boolean;
  readonly statusMessage?: string;
}

/** As a snapshot has it. */
export interface CapturedBucket {
  readonly bucketUri: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
}
