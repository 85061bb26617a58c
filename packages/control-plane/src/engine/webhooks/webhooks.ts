/** Webhooks of an organisation: whom to tell of what, and what came of it. `dispatcher.ts` tells them. */
import { randomUUID } from "node:crypto";
import { isIP } from "node:net";
import { FastvmError, MAX_WEBHOOK_URL_LENGTH, type ApiName } from "@fastvm/contract";
import type { DeliverySlice, WebhookDelivery } from "../../store/webhook-delivery-repository.ts";
import type { WebhookRecord } from "../../store/webhook-repository.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { takeOrderKey, type OrderKey } from "../orders/order-keys.ts";
import { SealedValues } from "../secrets/sealed-values.ts";
import { SIGNING } from "./attempt.ts";

/** Each is asked for at every event. */
const MAX_WEBHOOKS = 32;

interface WebhookOrder {
  readonly url: string;
  /** In the API's words; empty: all. */
  readonly topics: readonly string[];
  readonly secret: string;
}

type WebhooksContext = Parts<"clock" | "guard" | "sealing" | "store" | "webhookBell">;

/** As one API has them: another's are not seen. */
export class Webhooks {
  readonly #ctx: WebhooksContext;
  readonly #secrets: SealedValues;

  constructor(ctx: WebhooksContext) {
    this.#ctx = ctx;
    this.#secrets = new SealedValues(ctx);
  }

  /** Oldest first. */
  list({ orgId }: Caller, api: ApiName): Promise<readonly WebhookRecord[]> {
    return this.#ctx.store.webhooks.list(orgId, api);
  }

  async get({ orgId }: Caller, api: ApiName, id: string): Promise<WebhookRecord> {
    const found = await this.#ctx.store.webhooks.get(id);
    if (found === undefined || found.orgId !== orgId || found.api !== api) throw noWebhook();
    return found;
  }

  /** It is told of what happens from now on. */
  async create(caller: Caller, api: ApiName, order: WebhookOrder, key?: OrderKey): Promise<WebhookRecord> {
    const { orgId } = caller;
    const url = await this.#checkUrl(order.url);
    const id = randomUUID();
    const secret = await this.#secrets.seal(orgId, SIGNING, id, order.secret);
    const at = this.#ctx.clock.now();
    const created = await this.#ctx.store.transaction(async (records) => {
      // Held before the count, so that several at once do not pass the limit together.
      await records.organisations.lock(orgId);
      if (key !== undefined) {
        const isThere = async (earlier: string) => (await records.webhooks.get(earlier)) !== undefined;
        const taken = await takeOrderKey(records, caller, key, id, at, isThere);
        const made = taken.kind === "earlier" ? await records.webhooks.get(taken.subjectId) : undefined;
        if (made !== undefined) return made;
      }
      if ((await records.webhooks.list(orgId, api)).length >= MAX_WEBHOOKS)
        throw new FastvmError(
          "conflict",
          `there are ${MAX_WEBHOOKS} webhooks, which is the most there may be`,
        );
      const cursor = (await records.events.lastIds([orgId])).get(orgId) ?? 0;
      const { topics } = order;
      const made = { id, orgId, api, url, topics, enabled: true, cursor, createdAt: at, updatedAt: at };
      await records.webhooks.create(made);
      await secret.write(records);
      return made;
    });
    this.#ctx.webhookBell.ring();
    return created;
  }

  /** What is told from now on; also what waits to be. Of what happens while it is not enabled it is never told. */
  async update(
    caller: Caller,
    api: ApiName,
    id: string,
    { url, topics, secret, enabled }: Partial<WebhookOrder & { readonly enabled: boolean }>,
  ): Promise<WebhookRecord> {
    const { orgId } = await this.get(caller, api, id);
    const checked = url === undefined ? undefined : await this.#checkUrl(url);
    const sealed = secret === undefined ? undefined : await this.#secrets.seal(orgId, SIGNING, id, secret);
    const at = this.#ctx.clock.now();
    const updated = await this.#ctx.store.transaction(async (records) => {
      const before = await records.webhooks.get(id);
      const last = (await records.events.lastIds([orgId])).get(orgId) ?? 0;
      const isEnabledAnew = enabled === true && before?.enabled === false;
      await sealed?.write(records);
      const changes = {
        ...(checked === undefined ? {} : { url: checked }),
        ...(topics === undefined ? {} : { topics }),
        ...(enabled === undefined ? {} : { enabled }),
        ...(isEnabledAnew ? { cursor: last } : {}),
      };
      return records.webhooks.update(id, changes, at);
    });
    if (updated === undefined) throw noWebhook();
    this.#ctx.webhookBell.ring();
    return updated;
  }

  /** With what it was told, and what waits to be. */
  async remove(caller: Caller, api: ApiName, id: string): Promise<void> {
    const { orgId } = await this.get(caller, api, id);
    await this.#ctx.store.transaction(async (records) => {
      await records.webhooks.remove(id);
      await records.sealedValues.remove(orgId, SIGNING, id);
    });
  }

  async deliveries(
    caller: Caller,
    api: ApiName,
    id: string,
    slice: DeliverySlice,
  ): Promise<readonly WebhookDelivery[]> {
    await this.get(caller, api, id);
    return this.#ctx.store.webhookDeliveries.list(id, slice);
  }

  async delivery(caller: Caller, api: ApiName, id: string, deliveryId: string): Promise<WebhookDelivery> {
    await this.get(caller, api, id);
    const found = await this.#ctx.store.webhookDeliveries.get(id, deliveryId);
    if (found === undefined) throw noDelivery();
    return found;
  }

  /** Once more from the start, under the ids that it had; one that is on its way is left as it is. */
  async replay(caller: Caller, api: ApiName, id: string, deliveryId: string): Promise<WebhookDelivery> {
    await this.delivery(caller, api, id, deliveryId);
    await this.#ctx.store.webhookDeliveries.queueAnew(id, { id: deliveryId }, this.#ctx.clock.now());
    return this.delivery(caller, api, id, deliveryId);
  }

  /** All that were given up. Resolves to how many. */
  async replayDead(caller: Caller, api: ApiName, id: string): Promise<number> {
    await this.get(caller, api, id);
    return this.#ctx.store.webhookDeliveries.queueAnew(id, "dead_letter", this.#ctx.clock.now());
  }

  /** A name is judged when it is used, as it may mean something else by then; an address cannot. */
  async #checkUrl(text: string): Promise<string> {
    const url = URL.parse(text);
    if (url === null || !/^https?:$/.test(url.protocol) || text.length > MAX_WEBHOOK_URL_LENGTH)
      throw badUrl("must be an http or https URL");
    if (url.username !== "" || url.password !== "")
      throw badUrl("must have no user name and no password in it");
    url.hash = "";
    const isAddress = isIP(url.hostname.replaceAll(/[[\]]/g, "")) !== 0;
    if (isAddress && (await this.#ctx.guard.addressesOf(url.hostname)).length === 0)
      throw badUrl("leads into a network that is not reached from here");
    return url.href;
  }
}

function badUrl(rule: string): FastvmError {
  return new FastvmError("invalid_request", `url ${rule}`, { field: "url" });
}

function noWebhook(): FastvmError {
  return new FastvmError("not_found", "there is no such webhook", { field: "webhook" });
}

function noDelivery(): FastvmError {
  return new FastvmError("not_found", "there is no such delivery", { field: "delivery" });
}
