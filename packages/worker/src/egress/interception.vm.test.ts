/** A real proxy, whose end is not the end of what is intercepted. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeAuthority } from "@fastvm/egress-proxy";
import { expect, test, vi } from "vitest";
import { Cgroups } from "../host/cgroups.ts";
import { UidAllocator } from "../host/uid-allocator.ts";
import { Interception } from "./interception.ts";
import { ProxyProcess } from "./proxy-process.ts";

const FIRST_UID = 71_800;
/** With a root of its own it finds its program wherever this clone is, also in a folder that is closed to it. */
const NAMESPACES = new Set(["mount", "ipc", "uts"] as const);
const TLS = {
  ports: [443],
  bypass: [],
  verifyUpstream: true,
  blockQuic: true,
  upstreamAuthorities: [],
  scopedAuthorities: [],
  scopedVerification: [],
  cache: { capacity: 10, validityHours: 1 },
};

test("a proxy that cannot be started leaves its user to others", async () => {
  const uids = new UidAllocator(FIRST_UID);
  const release = vi.spyOn(uids, "release");
  const cgroups = await Cgroups.open("interception", "/dev/null/no-cgroups");
  const host = { uids, cgroups, namespaces: NAMESPACES, folder: "/dev/null/proxies", hasIpv6: false };
  const judge = () => ({ allowed: false, isResolved: false, byName: false });
  await expect(ProxyProcess.start(host, "fvt0", { judge, blocked: () => undefined })).rejects.toMatchObject({
    code: "ENOTDIR",
  });
  expect(release).toHaveBeenCalledExactlyOnceWith(FIRST_UID);
});

test("a proxy in another's place to which the kernel could not lead connections at first is led to later", async () => {
  await using undo = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), "fastvm-interception-"));
  undo.defer(() => rm(root, { recursive: true }));
  const folder = join(root, "proxies");
  const cgroups = await Cgroups.open("interception", join(root, "no-cgroups"));
  const errors: unknown[] = [];
  const lead = vi.fn(() => Promise.resolve());
  const interception = new Interception({
    host: { uids: new UidAllocator(FIRST_UID), cgroups, namespaces: NAMESPACES, folder, hasIpv6: false },
    name: "fvt0",
    judge: () => ({ allowed: false, isResolved: false, byName: false }),
    blocked: () => undefined,
    lead,
    onError: (error) => errors.push(error),
  });
  undo.defer(() => interception.close());
  await interception.arm({ authority: await makeAuthority(), tls: TLS, secrets: [] });
  const first = interception.pid ?? Number.NaN;

  lead.mockRejectedValueOnce(new Error("nft is busy"));
  process.kill(first);
  await vi.waitFor(() => expect(lead).toHaveBeenCalledTimes(3), { timeout: 15_000 });
  expect(errors.map(String)).toEqual(["Error: The egress proxy fvt0 ended", "Error: nft is busy"]);
  expect(interception.pid).not.toBe(first);
  await interception.close();
  expect(await readdir(folder)).toEqual([]);
});
