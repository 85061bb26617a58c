/** What happens in a folder, a line each, for as long as somebody reads it. */
import type { FastifyReply } from "fastify";
import type { FastvmError, FileEvent, FileEventView } from "@fastvm/contract";
import { streamNdjson } from "../exec/stream-ndjson.ts";

interface Watched {
  readonly source: AsyncIterable<FileEvent>;
  readonly gone: AbortSignal;
  readonly heartbeatMs: number;
}

/** Resolves when it has ended; `onCut` hears of an end that the reader did not want and could not be told. */
export async function sendFileEvents(
  reply: FastifyReply,
  { source, gone, heartbeatMs }: Watched,
  onCut: (error: unknown) => void,
): Promise<void> {
  try {
    const encode = (event: FileEvent): FileEventView => event;
    await streamNdjson(reply, { source, encode, failure, gone, heartbeatMs });
  } catch (error) {
    if (!gone.aborted) onCut(error);
  }
}

function failure({ code, message }: FastvmError): FileEventView {
  return { type: "error", path: "", code, message };
}
