import { FastvmError } from "../errors.ts";

/**
 * A file or folder did not get across. `code` is `ENOENT` when there is no such path,
 * `EPERM` when an archive has absolute paths, else absent.
 */
export class FileTransferError extends FastvmError {
  readonly code: string | undefined;

  constructor(message: string, options: { readonly code?: string; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = options.code;
  }
}
