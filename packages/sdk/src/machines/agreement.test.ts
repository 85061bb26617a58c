/** The SDK declares the wire's types itself, to have no dependencies; the compiler compares them with the contract's here. */
import type {
  LifecycleEvent as WireEvent,
  Machine as WireMachine,
  MachineAttachment as WireAttachment,
  MachineVolume as WireVolume,
  TemplateBuildView as WireBuild,
  TemplateView as WireTemplate,
  MachineExecResult as WireResult,
  MachineFile as WireFile,
  MachineSnapshot as WireSnapshot,
  MetricsSample as WireMetrics,
  UploadView as WireUpload,
  DeliveryView as WireDelivery,
  WarmPoolView as WirePool,
  WebhookView as WireWebhook,
} from "@fastvm/contract";
import { expect, expectTypeOf, it } from "vitest";
import * as machines from "../machines.ts";
import { toCamel, toSnake } from "./camel.ts";
import type { Camel } from "./camel.ts";
import type { TemplateBuildInfo, TemplateInfo } from "./template-types.ts";
import type {
  CommandResult,
  LifecycleEvent,
  MachineFile,
  MachineInfo,
  MachineSnapshot,
  MachineUpload,
  MetricsSample,
  VolumeAttachment,
  VolumeInfo,
} from "./types.ts";
import type { WarmPoolInfo } from "./warm-pool-types.ts";
import type { WebhookDelivery, WebhookInfo } from "./webhook-types.ts";

it("types are those that the API answers, under TypeScript's names", () => {
  expectTypeOf<Camel<WireMachine>>().toExtend<MachineInfo>();
  expectTypeOf<Camel<WireResult>>().toExtend<CommandResult>();
  expectTypeOf<Camel<WireUpload>>().toExtend<MachineUpload>();
  expectTypeOf<Camel<WireMetrics>>().toExtend<MetricsSample>();
  expectTypeOf<Camel<WireFile>>().toExtend<MachineFile>();
  expectTypeOf<Camel<WireSnapshot>>().toExtend<MachineSnapshot>();
  expectTypeOf<Camel<WireVolume>>().toExtend<VolumeInfo>();
  expectTypeOf<Camel<WireAttachment>>().toExtend<VolumeAttachment>();
  expectTypeOf<Camel<WireTemplate>>().toExtend<TemplateInfo>();
  expectTypeOf<Camel<WireBuild>>().toExtend<TemplateBuildInfo>();
  expectTypeOf<Camel<WirePool>>().toExtend<WarmPoolInfo>();
  expectTypeOf<Camel<WireWebhook>>().toExtend<WebhookInfo>();
  expectTypeOf<Camel<WireDelivery>>().toExtend<WebhookDelivery>();
  expectTypeOf<Camel<WireEvent>>().toExtend<LifecycleEvent>();
});

it("names go there and back, and what users name stays as it is", () => {
  const wire = {
    timeout_ms: 1,
    items: [{ next_token: null }],
    metadata: { user_id: "u" },
    envs: { A_B: "c" },
  };
  const ours = { timeoutMs: 1, items: [{ nextToken: null }], metadata: { user_id: "u" }, envs: { A_B: "c" } };
  expect(toCamel(wire)).toEqual(ours);
  expect(toSnake(ours)).toEqual(wire);
});

it("the package hands out what its page names", () => {
  expect(Object.keys(machines).toSorted()).toEqual([
    "BackgroundCommand",
    "CommandStream",
    "DirWatch",
    "FileUploadError",
    "GitError",
    "Keepalive",
    "Lifecycle",
    "Machine",
    "MachineError",
    "MachinePtys",
    "PtySession",
    "Template",
    "TemplateBuilder",
    "Volume",
    "WarmPool",
    "Webhooks",
    "familyOf",
    "redactPreviewToken",
    "redactPreviewUrl",
  ]);
});
