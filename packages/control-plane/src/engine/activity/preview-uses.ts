/** How often grants of previews were used: counted here, and added to their rows now and then. A restart forgets some seconds of it. */
import type { PreviewUse } from "@fastvm/contract";
import type { Clock } from "../../clock.ts";
import type { CountedUse } from "../../store/preview-grant-repository.ts";
import type { Store } from "../../store/store.ts";

const NOTHING: CountedUse = {
  requests: 0,
  webSockets: 0,
  bytesIn: 0,
  bytesOut: 0,
  firstUsedAt: null,
  lastUsedAt: null,
  error: undefined,
};

export class PreviewUses {
  readonly #deps: { readonly store: Store; readonly clock: Clock };
  /** What is not written down yet: as many as were used since, each of which had to be found in the database. */
  #counted = new Map<string, CountedUse>();

  constructor(deps: { readonly store: Store; readonly clock: Clock }) {
    this.#deps = deps;
  }

  add(grantId: string, { requests = 0, webSockets = 0, bytesIn = 0, bytesOut = 0, error }: PreviewUse): void {
    const now = this.#deps.clock.now();
    const isEntry = requests + webSockets > 0;
    this.#counted.set(
      grantId,
      sum(this.#counted.get(grantId) ?? NOTHING, {
        ...{ requests, webSockets, bytesIn, bytesOut },
        firstUsedAt: isEntry ? now : null,
        lastUsedAt: isEntry ? now : null,
        error: error === undefined ? undefined : { code: error, at: now },
      }),
    );
  }

  async writeDown(): Promise<void> {
    const counted = this.#counted;
    if (counted.size === 0) return;
    this.#counted = new Map();
    try {
      await this.#deps.store.transaction(async ({ previewGrants }) => {
        for (const [id, use] of counted) await previewGrants.addUse(id, use, this.#deps.clock.now());
      }, "process");
    } catch (error) {
      for (const [id, use] of counted) this.#counted.set(id, sum(use, this.#counted.get(id) ?? NOTHING));
      throw error;
    }
  }
}

function sum(earlier: CountedUse, later: CountedUse): CountedUse {
  return {
    requests: earlier.requests + later.requests,
    webSockets: earlier.webSockets + later.webSockets,
    bytesIn: earlier.bytesIn + later.bytesIn,
    bytesOut: earlier.bytesOut + later.bytesOut,
    firstUsedAt: earlier.firstUsedAt ?? later.firstUsedAt,
    lastUsedAt: later.lastUsedAt ?? earlier.lastUsedAt,
    error: later.error ?? earlier.error,
  };
}
