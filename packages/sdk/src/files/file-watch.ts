/** What happens in a folder of a VM or a volume, as it happens. */
import { APIConnectionError, WatchEndedError } from "../errors.ts";
import { readNdjson } from "../exec/ndjson.ts";
import { bodyOf } from "../http/body-of.ts";
import { brokenAnswer } from "../http/http-client.ts";
import type { HttpClient, OpenResponse, RequestOptions } from "../http/http-client.ts";

export interface FileEvent {
  /** `rename` comes for the old path and for the new one. `overflow`: events were lost, look for yourself. */
  readonly type: "create" | "write" | "remove" | "rename" | "chmod" | "overflow";
  /** Empty of an `overflow`. */
  readonly path: string;
}

/** Iterate over it once: leaving the loop ends the watch. Throws WatchEndedError when the folder, the VM or the volume is gone. */
export class FileWatch implements AsyncIterable<FileEvent> {
  readonly #answer: OpenResponse;

  constructor(answer: OpenResponse) {
    this.#answer = answer;
  }

  /** @internal */
  static async open(
    http: HttpClient,
    url: string,
    { path, recursive }: { readonly path: string; readonly recursive: boolean | undefined },
    options: RequestOptions,
  ): Promise<FileWatch> {
    const query = { path, recursive: recursive?.toString() };
    const accept = "application/x-ndjson";
    return new FileWatch(await http.open({ method: "GET", path: url, query, accept, options }));
  }

  [Symbol.asyncIterator](): AsyncIterator<FileEvent, void, undefined> {
    return eventsOf(this.#answer);
  }

  /** Ends the watch, also one that nobody iterates over. */
  close(): void {
    this.#answer.deadline.abort();
    this.#answer.deadline.release();
  }
}

async function* eventsOf(answer: OpenResponse): AsyncGenerator<FileEvent, void, undefined> {
  try {
    for await (const value of readNdjson(bodyOf(answer.response))) {
      const { type, path, code, message } = value as { readonly [field in keyof Line]?: Line[field] };
      if (type === "error") throw new WatchEndedError(code ?? "internal", message ?? "the watch ended");
      if (type !== undefined) yield { type, path: path ?? "" };
    }
    throw new APIConnectionError("The watch ended without a reason");
  } catch (cause) {
    throw brokenAnswer(cause, answer.deadline);
  } finally {
    answer.deadline.abort();
    answer.deadline.release();
  }
}

interface Line {
  readonly type: FileEvent["type"] | "error";
  readonly path: string;
  readonly code: string;
  readonly message: string;
}
