/** The tools that make files of objects, both Debian's: what each is told by arguments, and what by variables, which nobody else reads. */
import { FastvmError, type BucketCredentials } from "@fastvm/contract";

/** Where a tool finds things in its own root: it works in a folder of its own and nowhere else. */
const TOOL_FOLDER = "/vm";
export const MOUNT_FOLDER = "mnt";
export const STAGING_FOLDER = "tmp";
const MOUNT_POINT = `${TOOL_FOLDER}/${MOUNT_FOLDER}`;
const STAGING = `${TOOL_FOLDER}/${STAGING_FOLDER}`;

/** The one way out of its network: packages/worker/native/bucket. Names are looked up there, too. */
const PROXY = "socks5h://127.0.0.1:1080";
/** Go knows no other word for the same. */
const PROXY_OF_GO = "socks5://127.0.0.1:1080";

/** What others write to the bucket is seen so much later at most. */
const SEEN_AFTER_SEC = 10;
/** A store that does not answer must not hold up the VM's other volumes, which one process serves: it is asked twice. */
const CONNECT_SEC = 10;
const SILENCE_SEC = 20;
const RETRIES = 1;
/** Of the host's disk, for what is on its way to a store. */
const KEPT_FREE_MIB = 2048;

export interface BucketTool {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

interface ToolOrder {
  /** As an API has checked it. */
  readonly uri: string;
  readonly credentials: BucketCredentials;
  readonly readOnly: boolean;
  /** The tool's own; all files are that user's. */
  readonly uid: number;
}

export function bucketTool(order: ToolOrder): BucketTool {
  const { credentials } = order;
  const bucket = new URL(order.uri).hostname;
  return credentials.kind === "aws" ? s3fs(order, bucket, credentials) : rclone(order, bucket, credentials);
}

/** By which a client tells which one: the kind of a key is that of its store. */
export function assertFits(uri: string, { kind }: BucketCredentials): void {
  if (uri.startsWith("s3://") === (kind === "aws")) return;
  throw new FastvmError("conflict", "credentials_invalid: they are of another kind of store");
}

function s3fs(
  { readOnly, uid }: ToolOrder,
  bucket: string,
  credentials: Extract<BucketCredentials, { kind: "aws" }>,
): BucketTool {
  const { accessKeyId, secretAccessKey, sessionToken, region, endpointUrl } = credentials;
  const options = [
    // It is mounted already; with this word libfuse asks fusermount at once.
    "auto_unmount",
    "allow_other",
    ...(readOnly ? ["ro"] : []),
    `url=${endpointUrl ?? (region === undefined ? "https://s3.amazonaws.com" : `https://s3.${region}.amazonaws.com`)}`,
    `endpoint=${region ?? "us-east-1"}`,
    ...(endpointUrl === undefined ? [] : ["use_path_request_style"]),
    `tmpdir=${STAGING}`,
    ...["umask=0", "mp_umask=0", `uid=${uid}`, `gid=${uid}`],
    `stat_cache_expire=${SEEN_AFTER_SEC}`,
    `connect_timeout=${CONNECT_SEC}`,
    `readwrite_timeout=${SILENCE_SEC}`,
    `retries=${RETRIES}`,
    `ensure_diskfree=${KEPT_FREE_MIB}`,
  ];
  return {
    program: "/usr/bin/s3fs",
    args: [bucket, MOUNT_POINT, "-f", "-o", options.join(",")],
    env: {
      all_proxy: PROXY,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...(sessionToken !== undefined && { AWS_SESSION_TOKEN: sessionToken }),
    },
  };
}

function rclone(
  { readOnly, uid }: ToolOrder,
  bucket: string,
  { serviceAccount, endpointUrl }: Extract<BucketCredentials, { kind: "gcp" }>,
): BucketTool {
  return {
    program: "/usr/bin/rclone",
    args: [
      ...["mount", `store:${bucket}`, MOUNT_POINT, "--config", "", "--allow-other", "--allow-non-empty"],
      ...(readOnly ? ["--read-only"] : []),
      ...[
        "--uid",
        `${uid}`,
        "--gid",
        `${uid}`,
        "--umask",
        "0",
        "--dir-perms",
        "0777",
        "--file-perms",
        "0666",
      ],
      ...["--dir-cache-time", `${SEEN_AFTER_SEC}s`, "--vfs-cache-mode", "writes", "--cache-dir", STAGING],
      ...[
        "--contimeout",
        `${CONNECT_SEC}s`,
        "--timeout",
        `${SILENCE_SEC}s`,
        "--low-level-retries",
        `${RETRIES}`,
      ],
    ],
    env: {
      HTTP_PROXY: PROXY_OF_GO,
      HTTPS_PROXY: PROXY_OF_GO,
      HOME: STAGING,
      RCLONE_CONFIG_STORE_TYPE: "google cloud storage",
      RCLONE_CONFIG_STORE_SERVICE_ACCOUNT_CREDENTIALS: serviceAccount,
      RCLONE_CONFIG_STORE_BUCKET_POLICY_ONLY: "true",
      ...(endpointUrl !== undefined && { RCLONE_CONFIG_STORE_ENDPOINT: endpointUrl }),
    },
  };
}
