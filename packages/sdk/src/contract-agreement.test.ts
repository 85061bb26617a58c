/** The SDK declares the wire's types itself, to have no dependencies; the compiler compares them with the contract's here. */
import type { AnswerOf, BodyOf, ErrorBody, Firewall, LegacyFirewall, OperationId } from "@fastvm/contract";
import { ERROR_CATALOGUE } from "@fastvm/contract";
import { describe, expect, expectTypeOf, it } from "vitest";
import { errorFromResponse } from "./errors.ts";
import type { ExecBody } from "./exec/exec.ts";
import type {
  AddSshKeyParams,
  CreateBuildParams,
  CreateSnapshotImportParams,
  CreateSnapshotParams,
  FastvmClient,
  Execs,
  FetchFileParams,
  FirewallPolicy,
  ForkFailure,
  ForkParams,
  ForkResult,
  FileInfo,
  LaunchParams,
  MakeDirOptions,
  RecursiveOptions,
  ListVmsParams,
  NetworkPolicy,
  PullImageParams,
  RegisterServiceParams,
  CreateKeyParams,
  SetRegistryLoginParams,
  StartExecParams,
  TerminalSize,
  AttachBucketMountParams,
  AttachVolumeParams,
  BucketCredentials,
  CreateVolumeParams,
  CreateWebhookParams,
  StartParams,
  StopParams,
  UpdateVmParams,
  UpdateVolumeParams,
  UpdateWebhookParams,
  WriteStdinParams,
} from "./index.ts";
import { SDK_VERSION } from "./version.ts";
import packageJson from "../package.json" with { type: "json" };

type Vms = FastvmClient["vms"];
type Snapshots = FastvmClient["snapshots"];
type Volumes = FastvmClient["volumes"];
type Webhooks = FastvmClient["webhooks"];
type MySshKeys = FastvmClient["me"]["sshKeys"];

/** The call that makes each operation. An operation that is added to the API belongs here, or among those for operators. */
interface Calls {
  healthz: FastvmClient["health"];
  listVms: Vms["list"];
  launchVm: Vms["launch"];
  getVm: Vms["get"];
  getVmStats: Vms["stats"];
  getVmMetrics: Vms["metrics"];
  getVmLogs: Vms["logs"];
  updateVm: Vms["update"];
  deleteVm: Vms["delete"];
  pauseVm: Vms["pause"];
  resumeVm: Vms["resume"];
  stopVm: Vms["stop"];
  startVm: Vms["start"];
  restartVm: Vms["restart"];
  refreshVmTtl: Vms["refreshTtl"];
  forkVm: Vms["fork"];
  execInVm: Vms["run"];
  presignFile: Vms["files"]["presign"];
  fetchFile: Vms["files"]["fetch"];
  listFiles: Vms["files"]["list"];
  statFile: Vms["files"]["stat"];
  readFile: Vms["files"]["read"];
  writeFile: Vms["files"]["write"];
  makeDir: Vms["files"]["makeDir"];
  removeFile: Vms["files"]["remove"];
  renameFile: Vms["files"]["rename"];
  setFileMode: Vms["files"]["setMode"];
  watchFiles: Vms["files"]["watch"];
  createConsoleToken: Vms["consoleToken"];
  getVmFirewall: Vms["firewall"]["get"];
  setVmFirewall: Vms["setFirewall"];
  patchVmFirewall: Vms["patchFirewall"];
  listServices: Vms["services"]["list"];
  registerService: Vms["services"]["register"];
  updateService: Vms["services"]["update"];
  deleteService: Vms["services"]["delete"];
  listVmSshKeys: Vms["sshKeys"]["list"];
  addVmSshKey: Vms["sshKeys"]["add"];
  deleteVmSshKey: Vms["sshKeys"]["delete"];
  listMySshKeys: MySshKeys["list"];
  addMySshKey: MySshKeys["add"];
  deleteMySshKey: MySshKeys["delete"];
  listSnapshots: Snapshots["list"];
  createSnapshot: Snapshots["create"];
  getSnapshot: Snapshots["get"];
  updateSnapshot: Snapshots["update"];
  deleteSnapshot: Snapshots["delete"];
  createBuild: FastvmClient["builds"]["create"];
  listBuilds: FastvmClient["builds"]["list"];
  getBuild: FastvmClient["builds"]["retrieve"];
  getBuildLogs: FastvmClient["builds"]["logs"];
  cancelBuild: FastvmClient["builds"]["cancel"];
  presignBuildContext: FastvmClient["buildContexts"]["presign"];
  createSnapshotImport: FastvmClient["snapshotImports"]["create"];
  listSnapshotImports: FastvmClient["snapshotImports"]["list"];
  getSnapshotImport: FastvmClient["snapshotImports"]["retrieve"];
  deleteSnapshotImport: FastvmClient["snapshotImports"]["delete"];
  cancelSnapshotImport: FastvmClient["snapshotImports"]["cancel"];
  presignImportContext: FastvmClient["snapshotImports"]["presignContext"];
  getQuotas: FastvmClient["quotas"]["retrieve"];
  startExec: Execs["start"];
  listExecs: Execs["list"];
  getExec: Execs["retrieve"];
  deleteExec: Execs["delete"];
  getExecOutput: Execs["output"];
  writeExecStdin: Execs["writeStdin"];
  signalExec: Execs["signal"];
  resizeExec: Execs["resize"];
  listImages: FastvmClient["images"]["list"];
  pullImage: FastvmClient["images"]["pull"];
  getImage: FastvmClient["images"]["retrieve"];
  deleteImage: FastvmClient["images"]["delete"];
  listKeys: FastvmClient["keys"]["list"];
  listAudit: FastvmClient["audit"]["list"];
  createKey: FastvmClient["keys"]["create"];
  deleteKey: FastvmClient["keys"]["revoke"];
  listRegistries: FastvmClient["registries"]["list"];
  getRegistry: FastvmClient["registries"]["retrieve"];
  setRegistry: FastvmClient["registries"]["set"];
  deleteRegistry: FastvmClient["registries"]["delete"];
  listVolumes: Volumes["list"];
  createVolume: Volumes["create"];
  getVolume: Volumes["retrieve"];
  updateVolume: Volumes["update"];
  deleteVolume: Volumes["delete"];
  listVolumeAttachments: Volumes["attachments"];
  listVolumeFiles: Volumes["files"]["list"];
  statVolumeFile: Volumes["files"]["stat"];
  readVolumeFile: Volumes["files"]["read"];
  writeVolumeFile: Volumes["files"]["write"];
  makeVolumeDir: Volumes["files"]["makeDir"];
  removeVolumeFile: Volumes["files"]["remove"];
  renameVolumeFile: Volumes["files"]["rename"];
  copyVolumeFile: Volumes["files"]["copy"];
  watchVolumeFiles: Volumes["files"]["watch"];
  listVmVolumes: Vms["volumes"]["list"];
  attachVolume: Vms["volumes"]["attach"];
  detachVolume: Vms["volumes"]["detach"];
  listBucketMounts: Vms["bucketMounts"]["list"];
  getBucketMount: Vms["bucketMounts"]["retrieve"];
  attachBucketMount: Vms["bucketMounts"]["attach"];
  rotateBucketMount: Vms["bucketMounts"]["update"];
  detachBucketMount: Vms["bucketMounts"]["delete"];
  listEvents: FastvmClient["events"]["list"];
  listWebhooks: Webhooks["list"];
  createWebhook: Webhooks["create"];
  getWebhook: Webhooks["retrieve"];
  updateWebhook: Webhooks["update"];
  deleteWebhook: Webhooks["delete"];
  replayWebhook: Webhooks["replay"];
  listWebhookDeliveries: Webhooks["deliveries"];
  getWebhookDelivery: Webhooks["delivery"];
  replayWebhookDelivery: Webhooks["replayDelivery"];
  getDiskUsage: FastvmClient["diskUsage"]["retrieve"];
}
type ForOperators = "livez" | "readyz" | "openapi";
type Called = keyof Calls;

/** What goes into the body of each operation that has one. */
interface Bodies {
  launchVm: LaunchParams;
  updateVm: UpdateVmParams;
  stopVm: StopParams;
  startVm: StartParams;
  restartVm: StopParams;
  forkVm: ForkParams;
  execInVm: ExecBody;
  startExec: StartExecParams;
  writeExecStdin: WriteStdinParams;
  signalExec: Parameters<Calls["signalExec"]>[2];
  resizeExec: TerminalSize;
  presignFile: Parameters<Calls["presignFile"]>[1];
  fetchFile: FetchFileParams;
  makeDir: { path: string } & Pick<MakeDirOptions, "mode">;
  removeFile: { path: string } & Pick<RecursiveOptions, "recursive">;
  renameFile: { path: string; newPath: string };
  setFileMode: { path: string; mode: string };
  setVmFirewall: FirewallPolicy | NetworkPolicy;
  patchVmFirewall: Parameters<Calls["patchVmFirewall"]>[1];
  registerService: RegisterServiceParams;
  updateService: Parameters<Calls["updateService"]>[2];
  addVmSshKey: AddSshKeyParams;
  addMySshKey: AddSshKeyParams;
  createSnapshot: CreateSnapshotParams;
  updateSnapshot: Parameters<Calls["updateSnapshot"]>[1];
  createBuild: CreateBuildParams;
  createSnapshotImport: CreateSnapshotImportParams;
  presignImportContext: NonNullable<Parameters<Calls["presignImportContext"]>[0]>;
  createKey: CreateKeyParams;
  setRegistry: SetRegistryLoginParams;
  createWebhook: CreateWebhookParams;
  updateWebhook: UpdateWebhookParams;
  pullImage: PullImageParams;
  createVolume: CreateVolumeParams;
  updateVolume: UpdateVolumeParams;
  attachVolume: AttachVolumeParams;
  attachBucketMount: AttachBucketMountParams;
  rotateBucketMount: { credentials: BucketCredentials };
  makeVolumeDir: { path: string } & Pick<MakeDirOptions, "mode">;
  removeVolumeFile: { path: string } & Pick<RecursiveOptions, "recursive">;
  renameVolumeFile: { path: string; newPath: string };
  copyVolumeFile: { path: string; newPath: string };
}
/** In the table a firewall's body is open, since its dialect shows only when it is there. */
type WireBody<Id extends OperationId> =
  BodyOf<Id> extends Record<string, unknown>
    ? string extends keyof BodyOf<Id>
      ? Firewall | LegacyFirewall
      : BodyOf<Id>
    : BodyOf<Id>;
type WithBody = { [Id in Called]: BodyOf<Id> extends undefined ? never : Id }[Called];

type Returned<Id extends Called> = Awaited<ReturnType<Calls[Id]>>;
type KeyOf<T> = T extends unknown ? keyof T & string : never;
type ElementOf<T> = T extends readonly (infer Element)[] ? Element : T;

/** The operations whose answer the SDK's type does not accept. A call that resolves to nothing accepts any. */
type Unaccepted = {
  [Id in Called]: Returned<Id> extends void ? never : AnswerOf<Id> extends Returned<Id> ? never : Id;
}[Called];

/** `operation.field` for each that the wire has and the SDK's type has not. */
type MissingIn<Id extends string, Wire, Ours> = [Ours] extends [void]
  ? never
  : `${Id}.${Exclude<KeyOf<Wire>, KeyOf<Ours>>}`;
type UnknownFields = {
  [Id in Called]: MissingIn<Id, ElementOf<AnswerOf<Id>>, ElementOf<Returned<Id>>>;
}[Called];
type UnofferedFields = { [Id in keyof Bodies]: MissingIn<Id, WireBody<Id>, Bodies[Id]> }[keyof Bodies];

/** With these two an answer is thrown as a CommandLostError. */
type Thrown = `${"execInVm" | "fetchFile"}.${"error" | "code"}`;

/** Of bytes and lines the table has no one answer; a list's pages are put together. */
type Streamed = "readFile" | "watchFiles" | "readVolumeFile" | "watchVolumeFiles";
/** What tells of a pull that is under way, which the SDK waits for. */
type Waited = `pullImage.${keyof AnswerOf<"pullImage">}`;
type Paged = `${"listFiles" | "listVolumeFiles"}.${keyof AnswerOf<"listFiles">}`;

describe("the SDK's types", () => {
  it("have a call for every operation, and parameters for every body", () => {
    expectTypeOf<Exclude<OperationId, Called | ForOperators>>().toBeNever();
    expectTypeOf<keyof Bodies>().toEqualTypeOf<WithBody>();
  });

  it("accept every answer of the contract and know each of its fields", () => {
    // A child's failure has what all errors have, and one union is never found to extend the other.
    expectTypeOf<
      Exclude<Unaccepted, "forkVm" | "listFiles" | "listVolumeFiles" | "pullImage" | Streamed>
    >().toBeNever();
    expectTypeOf<AnswerOf<"listFiles">["entries"][number]>().toExtend<FileInfo>();
    expectTypeOf<ErrorBody>().toExtend<ForkFailure>();
    expectTypeOf<Omit<AnswerOf<"forkVm">, "children">>().toExtend<Omit<ForkResult, "children">>();
    expectTypeOf<Exclude<UnknownFields, Thrown | Paged | Waited>>().toBeNever();
  });

  it("offer each field that the contract takes", () => {
    expectTypeOf<UnofferedFields>().toBeNever();
    expectTypeOf<Exclude<keyof ListVmsParams, "metadata">>().toEqualTypeOf<"status">();
  });
});

describe("the SDK's errors", () => {
  it.each(Object.entries(ERROR_CATALOGUE))("carry what the catalogue says of %s", (code, entry) => {
    const body = { error: entry.message, message: entry.message, code, hint: entry.hint };
    const error = errorFromResponse(entry.status, JSON.stringify(body), new Headers());
    expect(error).toMatchObject({ status: entry.status, code, hint: entry.hint, detail: entry.message });
  });
});

describe("the SDK's version", () => {
  it("is the package's", () => {
    expect(SDK_VERSION).toBe(packageJson.version);
  });
});
