/** Volumes outlive the VMs that mount them, and go when they are told to. */
import { expect, test } from "vitest";
import { newVolumeId, type VolumeId } from "../../../model/ids.ts";
import { chunks, type PortTester } from "../worker-lab.ts";

const GIB = 1024 ** 3;

export function describeVolumes(tester: () => PortTester): void {
  const made = async (sizeGib = 1): Promise<VolumeId> => {
    const volumeId = newVolumeId();
    await tester().worker.volumes.create({ volumeId, kind: "directory", sizeGib });
    return volumeId;
  };
  const used = async (volumeId: VolumeId) => (await tester().worker.volumes.usage([volumeId]))[0];

  test("a volume is there from its making on, grows, and goes", async () => {
    const { volumes } = tester().worker;
    const volumeId = await made();
    await volumes.create({ volumeId, kind: "directory", sizeGib: 1 });
    expect((await tester().worker.inventory()).volumes).toContain(volumeId);
    expect(await used(volumeId)).toMatchObject({ sizeGib: 1 });
    await volumes.grow(volumeId, 2);
    await volumes.grow(volumeId, 2);
    const usage = await used(volumeId);
    expect(usage?.sizeGib).toBe(2);
    expect(usage?.usedBytes).toBeLessThan(GIB / 8);
    await volumes.remove(volumeId);
    await volumes.remove(volumeId);
    expect(await used(volumeId)).toBeUndefined();
    expect((await tester().worker.inventory()).volumes).not.toContain(volumeId);
    await expect(volumes.grow(volumeId, 3)).rejects.toMatchObject({ code: "not_found" });
  });

  describeFiles(tester, made);

  test("a volume that a VM has mounted stays, over a pause too, until it is detached", async ({ skip }) => {
    if (!tester().lab.mountsVolumes) skip();
    const { worker } = tester();
    const [volumeId, other] = [await made(), await made()];
    const mount = { volumeId, mountPath: "/mnt/data", readOnly: false };
    const spec = { ...tester().lab.spec(), volumes: [mount] };
    expect((await worker.launch(spec)).mounts).toEqual([{ volumeId }]);
    await expect(worker.volumes.remove(volumeId)).rejects.toMatchObject({ code: "volume_busy" });
    await worker.volumes.attach(spec.vmId, { volumeId: other, mountPath: "/mnt/other", readOnly: true });
    expect(await worker.volumes.mounts(spec.vmId)).toHaveLength(2);
    expect(await worker.volumes.detach(spec.vmId, other)).toEqual({ warnings: [] });
    await worker.pause(spec.vmId);
    expect(await worker.volumes.mounts(spec.vmId)).toEqual([]);
    const vm = { vmId: spec.vmId, ...mount };
    await expect(worker.volumes.attach(vm.vmId, mount)).rejects.toMatchObject({ code: "vm_wrong_state" });
    expect((await worker.resume(spec.vmId, { volumes: [mount] })).mounts).toEqual([{ volumeId }]);
    await worker.deleteVm(spec.vmId);
    await worker.volumes.remove(volumeId);
    await worker.volumes.remove(other);
  });
}

function describeFiles(tester: () => PortTester, made: () => Promise<VolumeId>): void {
  test("files of a volume need no VM, and nothing leads out of it", async () => {
    const { volumes } = tester().worker;
    const { files } = volumes;
    const volumeId = await made();
    await files.write(volumeId, "/in/text", chunks("one", "two"));
    await expect(files.makeFolder(volumeId, "/in")).rejects.toMatchObject({ code: "file_exists" });
    await files.makeFolder(volumeId, "/empty", { mode: 0o700 });
    await files.setMode(volumeId, "/in/text", 0o4750);
    await expect(files.setMode(volumeId, "/none", 0o600)).rejects.toMatchObject({ code: "file_not_found" });
    expect(await files.info(volumeId, "/in/text")).toMatchObject({
      type: "file",
      sizeBytes: 6,
      mode: 0o4750,
    });
    await files.rename(volumeId, "/in/text", "/in/renamed");
    const { entries } = await files.list(volumeId, "/", { limit: 10, depth: 2 });
    const paths = entries.map(({ path }) => path).filter((path) => path !== "/lost+found");
    expect(paths).toEqual(["/empty", "/in", "/in/renamed"]);
    let text = "";
    for await (const chunk of await files.read(volumeId, "/in/renamed"))
      text += Buffer.from(chunk).toString();
    expect(text).toBe("onetwo");
    await expect(files.remove(volumeId, "/in")).rejects.toMatchObject({ code: "folder_not_empty" });
    await files.remove(volumeId, "/in", { recursive: true });
    await expect(files.info(volumeId, "/in")).rejects.toMatchObject({ code: "file_not_found" });
    await expect(files.info(volumeId, "/../../etc/passwd")).rejects.toMatchObject({ code: "file_not_found" });
    await volumes.remove(volumeId);
    await expect(files.info(volumeId, "/")).rejects.toMatchObject({ code: "not_found" });
  });
}
