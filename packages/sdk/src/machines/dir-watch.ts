/** What happens in a folder of a machine, over whatever connections that takes. */
import type { ClientConfig } from "../client-config.ts";
import { MachineChannel, notBegun } from "./machine-channel.ts";

export interface DirEvent {
  /** `overflow`: events were lost, as they may be where the connection was; there is no path. */
  readonly type: "create" | "write" | "remove" | "rename" | "chmod" | "overflow";
  readonly path: string;
}

export class DirWatch implements AsyncIterable<DirEvent> {
  readonly #channel: MachineChannel;

  constructor(
    config: ClientConfig,
    path: string,
    watched: { readonly path: string; readonly recursive: boolean },
    signal?: AbortSignal,
  ) {
    const first = { type: "watch_start", ...watched };
    this.#channel = new MachineChannel({ config, path, channel: "watch", signal }, () => first);
  }

  async begin(): Promise<void> {
    const message = await this.#channel.next();
    if (message !== undefined) return;
    await this.#channel.close();
    throw notBegun();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<DirEvent, void, undefined> {
    try {
      while (!this.#channel.isClosed) {
        const message = await this.#channel.next();
        if (message?.["type"] === "watch_started") yield { type: "overflow", path: "" };
        if (message?.["type"] === "watch_event") yield message["event"] as DirEvent;
      }
    } finally {
      await this.#channel.close();
    }
  }

  close(): Promise<void> {
    return this.#channel.close();
  }
}
