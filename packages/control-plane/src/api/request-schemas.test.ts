/** A check is made of a schema when the first request asks for it; one of which none can be made shows here. */
import {
  EgressModeSchema,
  FirewallSchema,
  FlatSpecSchema,
  LegacyFirewallSchema,
  MACHINE_OPERATIONS,
  MonitorSubscribeSchema,
  OPERATIONS,
  SANDBOX_OPERATIONS,
  SandboxSpecSchema,
  SOCKET_BEGINNINGS,
  SOCKET_INPUTS,
  type FastvmError,
  type Operation,
} from "@fastvm/contract";
import { Type, type TSchema } from "typebox";
import { describe, expect, test } from "vitest";
import { checkerOf, compileValidator } from "./shared/validation.ts";

const TABLES = { fastvm: OPERATIONS, machines: MACHINE_OPERATIONS, sandboxes: SANDBOX_OPERATIONS };
const PARTS: Readonly<Record<string, TSchema>> = {
  EgressModeSchema,
  FirewallSchema,
  FlatSpecSchema,
  LegacyFirewallSchema,
  "part of LegacyFirewallSchema": Type.Partial(LegacyFirewallSchema),
  MonitorSubscribeSchema,
  SandboxSpecSchema,
  ...SOCKET_BEGINNINGS,
  ...SOCKET_INPUTS,
};

describe.each(Object.entries(TABLES))("a check can be made of the requests", (api, operations) => {
  const all = Object.entries<Operation>(operations);

  test(`of ${api}, of bodies and queries`, () => {
    let made = 0;
    for (const [name, { method, path, body, query }] of all) {
      for (const [httpPart, schema] of [["body", body] as const, ["querystring", query] as const]) {
        if (schema === undefined) continue;
        const validate = compileValidator({ schema, method, url: path, httpPart });
        // No schema takes a number.
        expect(validate(7), `${httpPart} of ${name}`).toHaveProperty("error.code", "invalid_request");
        made += 1;
      }
    }
    expect(made).toBeGreaterThan(10);
  });
});

test.each(Object.entries(PARTS))("a check can be made of %s", (_name, schema) => {
  expect(() => checkerOf(schema)(7, "it")).toThrow(
    expect.objectContaining<Partial<FastvmError>>({ code: "invalid_request" }),
  );
});
