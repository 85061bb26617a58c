/** An organisation's events, for whoever looks back; `EventFeed` is for whoever follows. */
import type { OrgId } from "@fastvm/contract";
import type { EventFilter, EventRecord, EventSlice } from "../../store/event-repository.ts";
import type { Store } from "../../store/store.ts";
import { OF_POOL } from "./of-pool.ts";

export class History {
  readonly #store: Store;

  constructor({ store }: { readonly store: Store }) {
    this.#store = store;
  }

  /** Without what happened to VMs while they were a pool's. */
  find(orgId: OrgId, filter: EventFilter, slice: EventSlice): Promise<readonly EventRecord[]> {
    return this.#store.events.find(orgId, { ...filter, withoutCausesOf: OF_POOL }, slice);
  }

  /** The number of the latest; 0 where there is none. */
  async lastId(orgId: OrgId): Promise<number> {
    return (await this.#store.events.lastIds([orgId])).get(orgId) ?? 0;
  }
}
