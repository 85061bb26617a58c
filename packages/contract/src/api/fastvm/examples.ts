/**
 * Examples for openapi.json: a body of each operation that takes one, and what some
 * schemas look like. Tests send the bodies and check the rest.
 */
import type { OperationId } from "./operations.ts";

const VM_ID = "0198c7a2-5d0e-7f3b-9a41-2c6e8f10b7d4";
const ORG_ID = "0198c7a1-0b5c-7e21-8f0d-5a9b3c7d1e2f";
const MACHINE = { machineName: "c1m2", diskGiB: 10 };
const LABELS = { metadata: { team: "search" }, envVars: { STAGE: "test" } };
const FIREWALL = {
  ingress: { default: "deny", rules: [] },
  egress: {
    default: "deny",
    rules: [{ action: "allow", kind: "fqdn", value: "*.debian.org", protocol: "tcp", ports: "443" }],
  },
};
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me@laptop";

const VOLUME_ID = "0198c7a5-3c11-7a0e-9d42-7b1f5e20c8a3";
const BUCKET = {
  type: "aws-credentials",
  value: { data: "[default]\naws_access_key_id = …\naws_secret_access_key = …\n" },
};

export const BODY_EXAMPLES: Readonly<Partial<Record<OperationId, object>>> = {
  launchVm: { machineType: "c1m2", name: "worker-1", ttl: { action: "pause", seconds: 3600 }, ...LABELS },
  updateVm: { name: "worker-2", metadata: { team: "search" } },
  forkVm: { count: 2, names: ["left", "right"] },
  execInVm: { command: ["sh", "-c", "echo hello"], timeoutSec: 60 },
  startExec: { command: ["bash", "-l"], pty: { cols: 80, rows: 24 } },
  writeExecStdin: { data: "ZWNobyBoZWxsbwo=" },
  signalExec: { signal: "SIGINT" },
  resizeExec: { cols: 120, rows: 40 },
  presignFile: { path: "/root/data.csv" },
  fetchFile: {
    url: `http://localhost:8800/staging/${VM_ID}/3f2a?method=GET&signature=0a1b`,
    path: "/root/data.csv",
  },
  makeDir: { path: "/srv/data" },
  removeFile: { path: "/root/data.csv" },
  renameFile: { path: "/root/data.csv", newPath: "/srv/data/old.csv" },
  setFileMode: { path: "/root/data.csv", mode: "0600" },
  stopVm: { graceSec: 60 },
  startVm: { force: false },
  restartVm: { graceSec: 60 },
  setVmFirewall: FIREWALL,
  patchVmFirewall: { egress: { mode: "custom", allow_cidrs: ["198.51.100.0/24"] } },
  registerService: { name: "web", port: 8080 },
  updateService: { port: 8081, h2c: false },
  addVmSshKey: { publicKey: KEY, name: "laptop" },
  addMySshKey: { publicKey: KEY, name: "laptop" },
  pullImage: { reference: "python:3.13-slim" },
  createKey: { name: "ci", scopes: ["run"], expiresAt: "2099-01-01T00:00:00Z", requestsPerMinute: 600 },
  createWebhook: { url: "https://hooks.example.com/vms", types: ["vm.vm_failed"] },
  updateWebhook: { enabled: false },
  setRegistry: { username: "ci", password: "a token of the registry's" },
  createSnapshot: { vmId: "worker-1", name: "ready to go" },
  updateSnapshot: { name: "with packages" },
  createBuild: { tag: "app", dockerfileContent: "FROM python:3.13-slim\nRUN pip install flask\n" },
  createSnapshotImport: { source: { type: "image", image: "python:3.13-slim" }, name: "python" },
  presignImportContext: { sizeBytes: 40_960 },
  createVolume: { name: "data", sizeGiB: 10, accessMode: "rw" },
  updateVolume: { sizeGiB: 20 },
  attachVolume: { volumeId: "data", mountPath: "/mnt/data" },
  attachBucketMount: { bucketUri: "s3://pictures", credentials: BUCKET, mountPath: "/mnt/pictures" },
  rotateBucketMount: { credentials: BUCKET },
  makeVolumeDir: { path: "/in/more" },
  removeVolumeFile: { path: "/in/data.csv" },
  renameVolumeFile: { path: "/in/data.csv", newPath: "/old/data.csv" },
  copyVolumeFile: { path: "/in/data.csv", newPath: "/in/copy.csv" },
};

/** By the schema's title. */
export const SCHEMA_EXAMPLES: Readonly<Record<string, object>> = {
  Vm: {
    id: VM_ID,
    name: "worker-1",
    orgId: ORG_ID,
    ...MACHINE,
    cpu: 1,
    memoryMiB: 2048,
    status: "running",
    createdAt: "2026-01-02T03:04:05.678Z",
    publicIpv6: "2001:db8::17",
    ...LABELS,
    firewall: FIREWALL,
    effectiveFirewall: FIREWALL,
    ttl: { action: "pause", seconds: 3600 },
    expiresAtMs: 1_767_326_645_678,
    idle: { action: "stop", seconds: 1200 },
    idleEndsAtMs: 1_767_324_245_678,
    autoResume: false,
  },
  Snapshot: {
    id: "0198c7a3-1f60-7c52-b3de-91f0a4d2c6e8",
    name: "ready to go",
    orgId: ORG_ID,
    vmId: VM_ID,
    status: "ready",
    createdAt: "2026-01-02T03:14:05.678Z",
    ...MACHINE,
    ...LABELS,
    firewall: FIREWALL,
    services: [{ name: "web", port: 8080, h2c: false }],
    pauseMs: 41,
  },
  BuildResponse: {
    id: "0198c7a5-3c2d-7a11-9e0f-6b5d4c3a2f1e",
    status: "running",
    imageRef: "",
    tag: "app",
    progress: "buildah bud",
    createdAt: "2026-01-02T03:04:05.678Z",
    startedAt: "2026-01-02T03:04:05.700Z",
  },
  BuildLogEvent: { t: "l", d: "STEP 2/2: RUN pip install flask" },
  Volume: {
    id: VOLUME_ID,
    name: "data",
    orgId: ORG_ID,
    kind: "directory",
    sizeGiB: 10,
    accessMode: "rw",
    status: "ready",
    mountedCount: 1,
    createdAt: "2026-01-02T03:04:05.678Z",
    usedGiB: 0.31,
  },
  VmVolume: { volumeId: VOLUME_ID, mountPath: "/mnt/data", mountStatus: "mounted" },
  ExecResult: {
    exitCode: 0,
    stdout: "hello\n",
    stderr: "",
    timedOut: false,
    stdoutTruncated: false,
    stderrTruncated: false,
    durationMs: 12,
  },
  ExecStreamEvent: { t: "o", d: "aGVsbG8K" },
  FileInfo: {
    path: "/root/data.csv",
    name: "data.csv",
    type: "file",
    sizeBytes: 6,
    mode: "0644",
    modifiedAt: "2026-01-02T03:04:05.678Z",
    uid: 0,
    gid: 0,
  },
  FileEvent: { type: "write", path: "/root/data.csv" },
  ReachableService: {
    name: "web",
    port: 8080,
    h2c: false,
    url: "http://web--0198c7a25d0e7f3b9a412c6e8f10b7d4.proxy.localhost:8800/",
    pathUrl: "http://localhost:8800/proxy/0198c7a25d0e7f3b9a412c6e8f10b7d4/web/",
  },
  Error: {
    error: "The VM is in a state that does not allow this: it is paused; commands need a running VM",
    code: "vm_wrong_state",
    message: "The VM is in a state that does not allow this: it is paused; commands need a running VM",
    hint: "Look at the VM's status; resume a paused VM first",
    retryable: false,
    requestId: "8f14e45f-ceea-467f-a8f6-3d2c5a1b9e07",
  },
};
