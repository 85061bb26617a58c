/** What became of VMs and snapshots without an event that says so: nothing, whatever a test has done through the API. */
import type { EventRecord } from "../store/event-repository.ts";
import type { Store } from "../store/store.ts";

/** Of what has events from its beginning; a record that a test wrote by itself has none. */
export async function untoldChanges(store: Store): Promise<readonly string[]> {
  const { records, events } = await readTogether(store);
  const statuses = new Map<string, string>(records.map(({ id, status }) => [id, status]));
  return [...Map.groupBy(events, ({ subjectId }) => subjectId)].flatMap(([id, own]) => {
    let status = own[0]?.fromStatus ?? null;
    // A test made the record, or its first events were pruned.
    if (status !== null) return [];
    for (const { fromStatus, toStatus, cause } of own) {
      if (fromStatus !== status) return [`${id}: ${cause} begins at ${fromStatus}, and it was ${status}`];
      status = toStatus;
    }
    const now = statuses.get(id) ?? null;
    return now === status ? [] : [`${id}: it is ${now}, and the last event says ${status}`];
  });
}

/** Read again while events come: an application that was closed at once may still write what became of a launch. */
async function readTogether(store: Store) {
  for (let events = await allEvents(store); ;) {
    const records = [...(await store.vms.listAll()), ...(await store.snapshots.listAll())];
    const later = await allEvents(store);
    if (later.length === events.length) return { records, events };
    events = later;
  }
}

async function allEvents(store: Store): Promise<readonly EventRecord[]> {
  const organisations = await store.organisations.list();
  const all = await Promise.all(organisations.map(({ id }) => store.events.after(id, 0, 100_000)));
  return all.flat();
}
