/** The port of a path or a body, as previews have it. */
import { FastvmError, parsePreviewPort } from "@fastvm/contract";

/** Throws `invalid_request` for what is none, and for those that are reserved. */
export function previewPort(text: string): number {
  const port = parsePreviewPort(text);
  if (port !== undefined) return port;
  throw new FastvmError(
    "invalid_request",
    "port must be 1 to 65535, and not 22 (SSH) or 5900 to 5999 (desktops)",
    { field: "port" },
  );
}
