/** What webhooks of this API are sent: the message of its lifecycle sockets, with these headers. */
import type { OrgId } from "@fastvm/contract";
import type { Engine, EventTeller, Letter } from "../../../engine/engine.ts";
import { eventIdOf } from "../lifecycle/event-id.ts";
import { eventView } from "../lifecycle/event-view.ts";
import { subjectsOf } from "../lifecycle/subjects.ts";
import { shownId } from "../shown-ids.ts";

export function webhookTeller(engine: Pick<Engine, "snapshots" | "history" | "vms">): EventTeller {
  return {
    tell: async (orgId, events) => {
      const isOfSnapshots = events.some(({ subjectKind }) => subjectKind === "snapshot");
      const vmOf = isOfSnapshots ? await machinesOfSnapshots(engine, orgId) : () => undefined;
      return events.flatMap((event) => {
        const view = eventView(event, vmOf);
        if (view === undefined) return [];
        return [
          { eventId: event.id, topic: view.operation, body: JSON.stringify({ type: "event", event: view }) },
        ];
      });
    },
    headersOf,
  };
}

async function machinesOfSnapshots(engine: Pick<Engine, "snapshots" | "history" | "vms">, orgId: OrgId) {
  return (await subjectsOf(engine, { orgId, keyId: "" }, {})).vmOf;
}

function headersOf({ webhookId, deliveryId, eventId, signature }: Letter): Readonly<Record<string, string>> {
  return {
    "x-nullspace-webhook-id": shownId("webhook", webhookId),
    "x-nullspace-delivery-id": shownId("delivery", deliveryId),
    "x-nullspace-event-id": eventIdOf(eventId),
    "x-nullspace-signature-version": signature.version,
    "x-nullspace-signature": signature.value,
  };
}
