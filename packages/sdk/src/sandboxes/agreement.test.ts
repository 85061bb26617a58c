/** Each type is what its project says, and what the API takes and answers fits it. */
import type { FlatSpec, SandboxView } from "@fastvm/contract";
import { expectTypeOf, it } from "vitest";
import type * as Theirs from "../testing/seed-sandbox-types.ts";
import type * as ours from "../sandboxes.ts";

it("every type of the specification is exported by its name, and is the same both ways", () => {
  expectTypeOf<ours.JsonValue>().toEqualTypeOf<Theirs.JsonValue>();
  expectTypeOf<ours.DiskImageFormat>().toEqualTypeOf<Theirs.DiskImageFormat>();
  expectTypeOf<ours.OciRootfsSource>().toEqualTypeOf<Theirs.OciRootfsSource>();
  expectTypeOf<ours.RootfsSource>().toEqualTypeOf<Theirs.RootfsSource>();
  expectTypeOf<ours.PullPolicy>().toEqualTypeOf<Theirs.PullPolicy>();
  expectTypeOf<ours.StatVirtualization>().toEqualTypeOf<Theirs.StatVirtualization>();
  expectTypeOf<ours.HostPermissions>().toEqualTypeOf<Theirs.HostPermissions>();
  expectTypeOf<ours.SecurityProfile>().toEqualTypeOf<Theirs.SecurityProfile>();
  expectTypeOf<ours.MountOptions>().toEqualTypeOf<Theirs.MountOptions>();
  expectTypeOf<ours.VolumeKind>().toEqualTypeOf<Theirs.VolumeKind>();
  expectTypeOf<ours.VolumeSpec>().toEqualTypeOf<Theirs.VolumeSpec>();
  expectTypeOf<ours.NamedVolumeMode>().toEqualTypeOf<Theirs.NamedVolumeMode>();
  expectTypeOf<ours.NamedVolumeCreate>().toEqualTypeOf<Theirs.NamedVolumeCreate>();
  expectTypeOf<ours.VolumeMount>().toEqualTypeOf<Theirs.VolumeMount>();
  expectTypeOf<ours.Patch>().toEqualTypeOf<Theirs.Patch>();
  expectTypeOf<ours.NetworkSpec>().toEqualTypeOf<Theirs.NetworkSpec>();
  expectTypeOf<ours.PublishedPortSpec>().toEqualTypeOf<Theirs.PublishedPortSpec>();
  expectTypeOf<ours.PortProtocol>().toEqualTypeOf<Theirs.PortProtocol>();
  expectTypeOf<ours.HandoffInit>().toEqualTypeOf<Theirs.HandoffInit>();
  expectTypeOf<ours.SandboxPolicy>().toEqualTypeOf<Theirs.SandboxPolicy>();
  expectTypeOf<ours.SnapshotDestination>().toEqualTypeOf<Theirs.SnapshotDestination>();
  expectTypeOf<ours.SnapshotSpec>().toEqualTypeOf<Theirs.SnapshotSpec>();
  expectTypeOf<ours.SandboxSpec>().toEqualTypeOf<Theirs.SandboxSpec>();
  expectTypeOf<ours.SandboxResources>().toEqualTypeOf<Theirs.SandboxResources>();
  expectTypeOf<ours.SandboxRuntimeOptions>().toEqualTypeOf<Theirs.SandboxRuntimeOptions>();
  expectTypeOf<ours.EnvVar>().toEqualTypeOf<Theirs.EnvVar>();
  expectTypeOf<ours.SandboxLogLevel>().toEqualTypeOf<Theirs.SandboxLogLevel>();
  expectTypeOf<ours.RlimitResource>().toEqualTypeOf<Theirs.RlimitResource>();
  expectTypeOf<ours.Rlimit>().toEqualTypeOf<Theirs.Rlimit>();
  expectTypeOf<ours.LogSource>().toEqualTypeOf<Theirs.LogSource>();
  expectTypeOf<ours.CloudCreateSandboxRequest>().toEqualTypeOf<Theirs.CloudCreateSandboxRequest>();
  expectTypeOf<ours.CloudSandbox>().toEqualTypeOf<Theirs.CloudSandbox>();
  expectTypeOf<ours.CloudSandboxStatus>().toEqualTypeOf<Theirs.CloudSandboxStatus>();
  expectTypeOf<ours.CloudPaginated<string>>().toEqualTypeOf<Theirs.CloudPaginated<string>>();
  expectTypeOf<ours.CloudMessageResponse>().toEqualTypeOf<Theirs.CloudMessageResponse>();
  expectTypeOf<ours.CloudErrorBody>().toEqualTypeOf<Theirs.CloudErrorBody>();
  expectTypeOf<ours.CloudErrorDetails>().toEqualTypeOf<Theirs.CloudErrorDetails>();
});

it("what the API answers is a sandbox of theirs, and what it takes as flat is theirs", () => {
  expectTypeOf<Pick<SandboxView, Exclude<keyof ours.CloudSandbox, "config">>>().toExtend<
    Omit<ours.CloudSandbox, "config">
  >();
  expectTypeOf<keyof SandboxView>().toExtend<
    keyof ours.CloudSandbox | "slug" | "spec" | "status_reason" | "last_failure_message"
  >();
  expectTypeOf<keyof FlatSpec>().toEqualTypeOf<keyof ours.CloudCreateSandboxRequest>();
});
