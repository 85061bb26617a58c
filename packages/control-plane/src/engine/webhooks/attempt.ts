/** One try to tell a webhook of one event, and what follows from how it ended. */
import { step, type OrgId } from "@fastvm/contract";
import { propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { causeOf } from "../../store/event-causes.ts";
import type { WebhookDelivery } from "../../store/webhook-delivery-repository.ts";
import type { WebhookRecord } from "../../store/webhook-repository.ts";
import type { Parts } from "../context.ts";
import { SealedValues } from "../secrets/sealed-values.ts";
import { post } from "./post.ts";
import { signatureOf, SIGNATURE_VERSION } from "./signature.ts";

export type AttemptContext = Parts<"clock" | "config" | "guard" | "log" | "sealing" | "store" | "tellers">;

/** Of a secret's purpose; its name is the webhook's id. */
export const SIGNING = "webhook";

/** Those that are shown: a day of the schedule and some replays. */
const MAX_KEPT_ATTEMPTS = 20;

/** `claimed`: taken for as long as its `dueAt` says. With the signal it is given back as if it had not been tried. */
export async function attempt(
  ctx: AttemptContext,
  claimed: WebhookDelivery,
  signal: AbortSignal,
): Promise<void> {
  const { store, clock } = ctx;
  const webhook = await store.webhooks.get(claimed.webhookId);
  if (webhook === undefined) return;
  const at = clock.now();
  const outcome = await send(ctx, webhook, claimed, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  if (outcome === undefined) {
    const { attempts, tries } = claimed;
    await store.webhookDeliveries.settle(claimed, {
      status: "queued",
      tries: tries - 1,
      dueAt: at,
      attempts,
      finishedAt: null,
    });
    return;
  }
  await step("control.webhook.answered");
  const now = clock.now();
  const attempts = [...claimed.attempts, { at, tookMs: now - at, ...outcome }].slice(-MAX_KEPT_ATTEMPTS);
  await store.webhookDeliveries.settle(claimed, { ...next(ctx, claimed, outcome.error, now), attempts });
}

async function send(
  ctx: AttemptContext,
  webhook: WebhookRecord,
  delivery: WebhookDelivery,
  signal: AbortSignal,
) {
  const { clock, config, guard, tellers } = ctx;
  const teller = tellers.get(webhook.api);
  const secret = await new SealedValues(ctx).open(webhook.orgId, SIGNING, webhook.id);
  if (teller === undefined || secret === undefined)
    return { answer: null, error: "it has no signing secret" };
  const { id: deliveryId, body, eventId } = delivery;
  const value = signatureOf(secret, { atMs: clock.now(), body });
  const letter = {
    webhookId: webhook.id,
    deliveryId,
    eventId,
    signature: { version: SIGNATURE_VERSION, value },
  };
  const headers = {
    "content-type": "application/json",
    "user-agent": "fastvm-webhooks",
    ...teller.headersOf(letter),
  };
  const { url, orgId } = webhook;
  return inSpan({ orgId, eventId, webhookId: webhook.id, deliveryId }, (traced) =>
    post(guard, { url, headers: { ...headers, ...traced }, body }, config.webhooks.attemptMs, signal),
  );
}

interface SpanOf {
  readonly orgId: OrgId;
  readonly eventId: number;
  readonly webhookId: string;
  readonly deliveryId: string;
}

/** In the trace in which the event was written. `work` is given the headers by which the receiver goes on in it. */
async function inSpan<T extends { readonly answer: number | null; readonly error: string | null }>(
  { orgId, eventId, webhookId, deliveryId }: SpanOf,
  work: (headers: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  const attributes = {
    "fastvm.org.id": orgId,
    "fastvm.event.id": eventId,
    "fastvm.webhook.id": webhookId,
    "fastvm.delivery.id": deliveryId,
  };
  const cause = causeOf(orgId, eventId);
  const span = trace
    .getTracer("fastvm")
    .startSpan("webhook.deliver", { kind: SpanKind.CLIENT, attributes }, cause);
  const headers: Record<string, string> = {};
  propagation.inject(trace.setSpan(cause, span), headers);
  try {
    const outcome = await work(headers);
    if (outcome.answer !== null) span.setAttribute("http.response.status_code", outcome.answer);
    if (outcome.error !== null) span.setStatus({ code: SpanStatusCode.ERROR });
    return outcome;
  } finally {
    span.end();
  }
}

function next(
  { config }: Pick<AttemptContext, "config">,
  { tries }: WebhookDelivery,
  error: string | null,
  now: number,
): Pick<WebhookDelivery, "status" | "tries" | "dueAt" | "finishedAt"> {
  if (error === null) return { status: "succeeded", tries, dueAt: now, finishedAt: now };
  const wait = config.webhooks.retryAfterMs[tries - 1];
  return wait === undefined
    ? { status: "dead_letter", tries, dueAt: now, finishedAt: now }
    : { status: "queued", tries, dueAt: now + wait, finishedAt: null };
}
