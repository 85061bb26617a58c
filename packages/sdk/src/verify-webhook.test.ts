/** Signatures as the server makes them, and as others would like to. */
import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { verifyWebhook, WebhookSignatureError } from "./index.ts";

const SECRET = "a secret of sixteen";
const BODY = JSON.stringify({ id: 7, type: "vm.deleted", subjectId: "ä" });

function now(): number {
  return Math.floor(Date.now() / 1000);
}

function signed(body: string, at: number, secret = SECRET): string {
  return `t=${at},v1=${createHmac("sha256", secret).update(`${at}.${body}`).digest("hex")}`;
}

test("what the server signed is the event, as text or as bytes", async () => {
  const signature = signed(BODY, now());
  expect(await verifyWebhook({ body: BODY, signature, secret: SECRET })).toEqual(JSON.parse(BODY));
  const body = new TextEncoder().encode(BODY);
  expect(await verifyWebhook({ body, signature, secret: SECRET })).toEqual(JSON.parse(BODY));
  // While a secret is changed there are two.
  const at = Number(/t=(\d+)/.exec(signature)?.[1]);
  const both = `${signed(BODY, at, "the secret of before")},${signature.split(",")[1]}`;
  expect(await verifyWebhook({ body: BODY, signature: both, secret: SECRET })).toEqual(JSON.parse(BODY));
});

test.each([
  ["none", undefined],
  ["an empty one", ""],
  ["one of another secret", signed(BODY, now(), "another secret of more")],
  ["one of another body", signed(`${BODY} `, now())],
  ["one of another instant", signed(BODY, now()).replace(/t=\d+/, `t=${now() - 1}`)],
  ["one of long ago", signed(BODY, now() - 301)],
  ["one of the future", signed(BODY, now() + 360)],
  ["one without an instant", signed(BODY, now()).replace(/t=\d+,/, "")],
  ["one of another kind", signed(BODY, now()).replace("v1=", "v0=")],
  ["half a one", signed(BODY, now()).slice(0, -2)],
])("%s is refused", async (_, signature) => {
  await expect(verifyWebhook({ body: BODY, signature, secret: SECRET })).rejects.toThrow(
    WebhookSignatureError,
  );
});

test("how old it may be is the receiver's to say", async () => {
  const signature = signed(BODY, now() - 3600);
  const request = { body: BODY, signature, secret: SECRET };
  await expect(verifyWebhook({ ...request, toleranceSec: 7200 })).resolves.toMatchObject({ id: 7 });
  await expect(verifyWebhook({ ...request, toleranceSec: Number.NaN })).rejects.toThrow("not of now");
});
