/** The real control plane over real sockets, and a client of its API of sandboxes; only the VMs are fake. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createControlPlane, FakeWorker } from "@fastvm/control-plane";
import { FastvmClient } from "../index.ts";
import { SandboxesClient } from "../sandboxes.ts";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

export interface SandboxesPlane extends AsyncDisposable {
  readonly worker: FakeWorker;
  readonly client: SandboxesClient;
  readonly apiKey: string;
  readonly baseUrl: string;
}

export async function startSandboxesPlane(): Promise<SandboxesPlane> {
  const stagingFolder = await mkdtemp(join(tmpdir(), "fastvm-sdk-sandboxes-"));
  const worker = new FakeWorker();
  const store = { kind: "sqlite", path: ":memory:" } as const;
  const plane = await createControlPlane({ worker, log: silent, store, stagingFolder });
  const firstKey = await plane.ensureKey();
  const baseUrl = await plane.listen({ host: "127.0.0.1", port: 0 });
  const ofVms = new FastvmClient({ apiKey: firstKey, baseUrl });
  const { key: apiKey } = await ofVms.keys.create({ api: "microsandbox" });
  return {
    worker,
    client: new SandboxesClient({ apiKey, baseUrl }),
    apiKey,
    baseUrl,
    [Symbol.asyncDispose]: async () => {
      await plane.close();
      await rm(stagingFolder, { recursive: true, force: true });
    },
  };
}
