/** What is wrong with somebody's image, as an error that says so. */
import { FastvmError } from "@fastvm/contract";

export function invalidImage(detail: string, cause?: unknown): FastvmError {
  return new FastvmError("image_invalid", detail, { cause });
}
