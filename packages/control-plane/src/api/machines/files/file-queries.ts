/** What requests for files say, in the engine's words. */
import type { ListFilesOptions } from "@fastvm/contract";

/** As the schema says. */
const DEFAULT_LIMIT = 1000;

export function listOptions(query: Readonly<Record<string, unknown>>, signal: AbortSignal): ListFilesOptions {
  const { after } = query;
  return {
    // Here 0 is what is in the folder.
    depth: Number(query["depth"] ?? 0) + 1,
    limit: Number(query["limit"] ?? DEFAULT_LIMIT),
    after: typeof after === "string" ? after : undefined,
    signal,
  };
}

export function modeOf(octal: string | null | undefined): number | undefined {
  return octal === undefined || octal === null ? undefined : Number.parseInt(octal, 8);
}
