/**
 * Two organisations with sandboxes, operation by operation: what one has, the other neither sees nor changes. The cases are keyed by
 * operation, so that one which is added without a case fails the compiler and the first test.
 */
import { SANDBOX_OPERATIONS, type Operation } from "@fastvm/contract";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sandboxesApp, type SandboxesApp } from "../../../testing/sandboxes-app.ts";

type OperationId = keyof typeof SANDBOX_OPERATIONS;

/** In whatever the other organisation must not see. */
const MARK = "private-7f3a";
/** Who asks by a name is told that name. */
const SANDBOX = "the-sandbox";
const STOPPED = "the-stopped";
const SNAPSHOT = "the-snapshot";
const VOLUME = "the-volume";

/**
 * `hidden`: 404, as for what does not exist. `elsewhere`: as hidden, by a name in the body. `empty`: a list of nothing. `own`: the caller's
 * own is made.
 */
interface Case {
  readonly sight: "hidden" | "elsewhere" | "empty" | "own";
  readonly body?: object;
  readonly headers?: Record<string, string>;
  readonly payload?: string;
  /** What its owner is answered; default: 200. */
  readonly owned?: number;
  /** Its owner's call has no end. */
  readonly isEndless?: boolean;
}

const hidden = (more: Omit<Case, "sight"> = {}): Case => ({ sight: "hidden", ...more });
const at = (path: string) => ({
  headers: { "x-msb-file-path": Buffer.from(path).toString("base64url") },
});
const base = { image: { type: "oci", reference: "base" } };
const ofStopped = {
  source_sandbox: STOPPED,
  destination: { Name: "of-stopped" },
  labels: [],
  record_integrity: false,
};

/** In an order in which the owner can do all of it, one after the other. */
const CASES: Record<OperationId, Case> = {
  createSandbox: { sight: "own", body: { name: "theirs", ...base } },
  listSandboxes: { sight: "empty" },
  getSandbox: hidden(),
  getSandboxByName: hidden(),
  followSandboxLogs: hidden({ isEndless: true }),
  getSandboxMetrics: hidden(),
  createSandboxSnapshot: hidden({ body: { name: "another", full: true } }),
  forkSandbox: hidden({ body: { names: ["child"] } }),
  listSandboxSnapshots: { sight: "empty" },
  getSandboxSnapshot: hidden(),
  // Nothing was recorded of its files.
  verifySandboxSnapshot: hidden({ owned: 400 }),
  restoreSandboxSnapshot: hidden({ body: { name: "restored" } }),
  deleteSandboxSnapshot: hidden(),
  snapshotStoppedSandbox: { sight: "elsewhere", body: ofStopped },
  listSandboxVolumes: { sight: "empty" },
  createSandboxVolume: { sight: "own", body: { name: "theirs" } },
  getSandboxVolume: hidden(),
  listSandboxVolumeFiles: hidden(at("")),
  statSandboxVolumeFile: hidden(at("/file")),
  sandboxVolumeFileExists: hidden(at("/file")),
  readSandboxVolumeFile: hidden(at("/file")),
  writeSandboxVolumeFile: hidden({ ...at("/written"), payload: "text" }),
  makeSandboxVolumeFolder: hidden({ body: { path: "/folder" } }),
  copySandboxVolumeFile: hidden({ body: { from: "/file", to: "/copied" } }),
  renameSandboxVolumeFile: hidden({ body: { from: "/copied", to: "/moved" } }),
  removeSandboxVolumeFile: hidden(at("/moved")),
  deleteSandboxVolume: hidden(),
  stopSandbox: hidden({ body: {} }),
  startSandbox: hidden({ body: {} }),
  stopSandboxByName: hidden({ body: {} }),
  startSandboxByName: hidden({ body: {} }),
  deleteSandboxByName: hidden(),
  deleteSandbox: hidden(),
};
const IDS = Object.keys(CASES) as OperationId[];

let api: SandboxesApp;
let ids: Readonly<Record<"sandbox" | "stopped" | "snapshot" | "volume", string>>;

/** On a machine that is busy with others. */
beforeAll(async () => {
  api = await sandboxesApp();
  const marked = { ...base, env: [{ key: "MARK", value: MARK }], labels: { mark: MARK } };
  const { id: sandbox } = await api.ok("POST /v1/sandboxes?start=true", { name: SANDBOX, ...marked });
  const { id: stopped } = await api.ok("POST /v1/sandboxes?start=true", { name: STOPPED, ...marked });
  await api.ok(`POST /v1/sandboxes/${stopped}/stop`, {});
  const taken = { name: SNAPSHOT, full: true };
  const { id: snapshot } = await api.ok(`POST /v1/sandboxes/${sandbox}/snapshots`, taken);
  const { id: volume } = await api.ok("POST /v1/volumes", { name: VOLUME });
  await api.ok(`PUT /v1/volumes/${volume}/files/content`, undefined, { ...at("/file"), payload: MARK });
  ids = { sandbox, stopped, snapshot, volume };
}, 60_000);
afterAll(() => api[Symbol.asyncDispose]());

/** By ids, or by names where one of these will do. */
function routeOf(id: OperationId, isByName: boolean): string {
  const { method, path }: Operation = SANDBOX_OPERATIONS[id];
  const own: Readonly<Record<string, string>> = {
    sandboxId: ids.sandbox,
    name: STOPPED,
    snapshot: isByName ? SNAPSHOT : ids.snapshot,
    volumeId: isByName ? VOLUME : ids.volume,
  };
  const named = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
    const value = own[name];
    if (value === undefined) throw new Error(`${path} has a parameter that this test does not know`);
    return value;
  });
  return `${method} ${named}`;
}

/** All that the first organisation sees. */
async function everything(): Promise<unknown> {
  const paths = ["sandboxes", "sandbox-snapshots", "volumes"];
  const lists = await Promise.all(paths.map((path) => api.ok(`GET /v1/${path}`)));
  return [lists, await api.ok(`GET /v1/volumes/${ids.volume}/files`, undefined, at(""))];
}

test("every operation has its case", () => {
  expect(IDS.toSorted()).toEqual(Object.keys(SANDBOX_OPERATIONS).toSorted());
  for (const id of IDS) {
    const { path }: Operation = SANDBOX_OPERATIONS[id];
    expect(path.includes("{"), id).toBe(CASES[id].sight === "hidden");
  }
});

describe("what one organisation has", () => {
  test.each(IDS)("is not there for another: %s", async (id) => {
    const { sight, body, headers, payload } = CASES[id];
    const before = await everything();
    for (const isByName of [false, true]) {
      const options = { key: api.otherKey, ...(headers && { headers }), ...(payload && { payload }) };
      const { status, text, body: answer } = await api.call(routeOf(id, isByName), body, options);
      if (sight === "hidden" || sight === "elsewhere") expect(status, text).toBe(404);
      else if (sight === "empty") expect([[], { data: [] }]).toContainEqual(withoutPages(answer));
      else if (!isByName) expect(status, text).toBe(200);
      const unsaid = Object.values(ids).filter((one) => !routeOf(id, isByName).includes(one));
      for (const secret of [MARK, ...unsaid]) expect(text).not.toContain(secret);
    }
    if (sight === "own") await forget(id);
    expect(await everything()).toEqual(before);
  });

  test("is its own: it does all that the other was refused", { timeout: 60_000 }, async () => {
    for (const id of IDS) {
      const { body, headers, payload, owned = 200, isEndless } = CASES[id];
      if (isEndless === true) continue;
      const options = { ...(headers && { headers }), ...(payload && { payload }) };
      const { status, text } = await api.call(routeOf(id, false), body, options);
      expect(status, `${id}: ${text}`).toBe(owned);
    }
  });
});

function withoutPages(answer: unknown): unknown {
  return Array.isArray(answer) ? answer : { data: (answer as { readonly data: unknown }).data };
}

/** What the other has made, so that its lists are empty again. */
async function forget(id: OperationId): Promise<void> {
  const key = api.otherKey;
  if (id === "createSandbox")
    return void (await api.ok("DELETE /v1/sandboxes/by-name/theirs", undefined, { key }));
  await api.ok("DELETE /v1/volumes/theirs", undefined, { key });
}
