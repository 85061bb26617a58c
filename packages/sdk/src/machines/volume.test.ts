/** What the client asks of volumes, and what it makes of answers. */
import { expect, it } from "vitest";
import { Machine, MachineError, Volume } from "../machines.ts";
import { json, WireServer } from "../testing/wire-server.ts";

const VOLUME = {
  id: "vol_1",
  name: "data",
  status: "ready",
  mount_count: 0,
  used_bytes: null,
  max_size_bytes: 2 ** 30,
};
const ATTACHMENT = {
  id: "vat_1",
  volume_id: "vol_1",
  mount_path: "/mnt/data",
  subpath: "a",
  last_error_code: null,
};
const FILE = { name: "f", path: "/f", type: "file", size: 1, mode: "0644", link_target: null };

it("a volume is made, found, listed, its files reached, and deleted", async () => {
  await using server = await WireServer.start(
    json(201, VOLUME),
    json(200, VOLUME),
    json(200, { volumes: [VOLUME] }),
    json(200, FILE),
    json(200, { ...FILE, mode: "0600" }),
    json(200, { attachments: [ATTACHMENT] }),
    json(200, { id: "vol_1", deleted: true }),
  );
  const options = { apiKey: "ns_live_key", baseUrl: server.url };
  const made = await Volume.create("data", { maxSizeBytes: 5, ...options });
  const { files, id } = await Volume.get("the data", options);
  expect([made.info.mountCount, id]).toEqual([0, "vol_1"]);
  expect((await Volume.list(options))[0]?.maxSizeBytes).toBe(2 ** 30);
  expect((await files.write("/f", "x")).linkTarget).toBeNull();
  expect((await files.setPermissions("/f", "0600")).mode).toBe("0600");
  expect((await made.attachments())[0]?.mountPath).toBe("/mnt/data");
  await made.delete();
  expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    "POST /v1/volumes",
    "GET /v1/volumes/the%20data",
    "GET /v1/volumes",
    "PUT /v1/volumes/vol_1/files/content?path=%2Ff",
    "POST /v1/volumes/vol_1/files/permissions",
    "GET /v1/volumes/vol_1/attachments",
    "DELETE /v1/volumes/vol_1",
  ]);
  expect(JSON.parse(String(server.requests[0]?.body))).toEqual({ name: "data", max_size_bytes: 5 });
});

it("a machine is given one, which is asked for its health, mounted anew and taken away", async () => {
  await using server = await WireServer.start(
    json(200, { id: "mch_1", status: "running" }),
    json(201, ATTACHMENT),
    json(200, { attachments: [ATTACHMENT] }),
    json(200, { attachment_id: "vat_1", healthy: true }),
    json(200, ATTACHMENT),
    json(409, { code: "volume_busy", message: "in use" }),
    json(200, { id: "vat_1", status: "released", warnings: [] }),
  );
  const { volumes } = await Machine.attach("mch_1", { apiKey: "ns_live_key", baseUrl: server.url });
  const { id } = await volumes.attach({ ref: "data", mountPath: "/mnt/data", subpath: "a", readOnly: true });
  expect(await volumes.list()).toMatchObject([{ id, volumeId: "vol_1", lastErrorCode: null }]);
  expect((await volumes.health(id)).healthy).toBe(true);
  expect((await volumes.remount(id)).subpath).toBe("a");
  await expect(volumes.detach(id)).rejects.toThrow(MachineError);
  await volumes.detach(id, { force: true });
  expect(server.requests.slice(1).map(({ method, url }) => `${method} ${url}`)).toEqual([
    "POST /v1/machines/mch_1/volumes",
    "GET /v1/machines/mch_1/volumes",
    "GET /v1/machines/mch_1/volumes/vat_1/health",
    "POST /v1/machines/mch_1/volumes/vat_1/remount",
    "DELETE /v1/machines/mch_1/volumes/vat_1",
    "DELETE /v1/machines/mch_1/volumes/vat_1?force=true",
  ]);
  const sent = { ref: "data", mount_path: "/mnt/data", subpath: "a", read_only: true };
  expect(JSON.parse(String(server.requests[1]?.body))).toEqual(sent);
});
