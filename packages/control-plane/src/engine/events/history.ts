/** An organisation's events, for whoever looks back; `EventFeed` is for whoever follows. */
import type { OrgId } from "@fastvm/contract";
import type { EventFilter, EventRecord, EventSlice } from "../../store/event-repository.ts";
import type { Store } from "../../store/store.ts";

export class History {
  readonly #store: Store;

  constructor({ store }: { readonly store: Store }) {
    this.#store = store;
  }

  find(orgId: OrgId, filter: EventFilter, slice: EventSlice): Promise<readonly EventRecord[]> {
    return this.#store.events.find(orgId, filter, slice);
  }

  /** The number of the latest; 0 where there is none. */
  async lastId(orgId: OrgId): Promise<number> {
    return (await this.#store.events.lastIds([orgId])).get(orgId) ?? 0;
  }
}
