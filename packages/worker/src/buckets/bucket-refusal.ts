/** Why a bucket cannot be mounted, in the API's words, as far as its tool and its proxy tell. */
import { FastvmError } from "@fastvm/contract";

type Reason = "credentials_invalid" | "bucket_unreachable";

const KNOWN: readonly (readonly [pattern: RegExp, reason: Reason, says: string])[] = [
  [
    /is in a guarded network/,
    "bucket_unreachable",
    "it is in a network that the host keeps VMs out of (fastvm serve --allow-bucket-network)",
  ],
  [
    /invalid credentials|InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|invalid_grant|private key/i,
    "credentials_invalid",
    "the store refuses them",
  ],
  [
    /bucket or key not found|bucket .*not found|directory not found|NoSuchBucket/i,
    "bucket_unreachable",
    "the store has no such bucket",
  ],
];

/** What a tool says is not passed on: it may quote what it was given. */
export function refusalOf(error: unknown, log: string): FastvmError {
  if (error instanceof FastvmError) return error;
  const [, reason, says] = KNOWN.find(([pattern]) => pattern.test(log)) ?? [
    undefined,
    "bucket_unreachable",
    "the store does not answer",
  ];
  return new FastvmError("conflict", `${reason}: ${says}`, { cause: error });
}
