/** The buckets that VMs have mounted: their processes, and the credentials, which are in memory alone. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError, step } from "@fastvm/contract";
import type { BucketCredentials, VmId, VolumeId, VolumeMount } from "@fastvm/contract";
import { isAlive } from "../processes/proc.ts";
import { assertFits } from "./bucket-tool.ts";
import { endBucket, startBucket, type BucketHost, type HeldBucketMount } from "./bucket-process.ts";

/** What is to be known of a VM. */
interface BucketVm {
  readonly vmId: VmId;
  readonly folder: string;
  readonly record: { readonly slot: string; readonly buckets?: readonly HeldBucketMount[] };
  /** In memory: its record is written by whoever has it mounted. */
  holdBuckets(buckets: readonly HeldBucketMount[]): void;
}

/** Of one VM, by mount. */
type Known = Map<VolumeId, BucketCredentials>;

export class VmBuckets {
  readonly #host: BucketHost;
  readonly #credentials = new Map<VmId, Known>();

  constructor(host: BucketHost) {
    this.#host = host;
  }

  /** Called once, when it is known which VMs run: what nobody has is removed. */
  async recover(running: Iterable<Pick<BucketVm, "record">>): Promise<void> {
    const held = [...running].flatMap(({ record }) => record.buckets ?? []);
    for (const { uid, proxyUid } of held) for (const one of [uid, proxyUid]) this.#host.uids.reserve(one);
    await mkdir(this.#host.folder, { recursive: true, mode: 0o711 });
    const owned = new Set(held.map(({ name }) => name));
    for (const name of await readdir(this.#host.folder)) {
      if (!owned.has(name)) await rm(join(this.#host.folder, name), { recursive: true, force: true });
    }
  }

  /** Keeps what the mount is opened with, and returns what may be written down. */
  learn(vmId: VmId, mount: VolumeMount): VolumeMount {
    if (mount.source?.kind !== "bucket") return mount;
    const { credentials, sealed: _unread, ...source } = mount.source;
    if (credentials !== undefined) {
      const known: Known = this.#credentials.get(vmId) ?? new Map();
      this.#credentials.set(vmId, known.set(mount.volumeId, credentials));
    }
    return { ...mount, source };
  }

  /** Of one mount, or of all. */
  forget(vmId: VmId, volumeId?: VolumeId): void {
    if (volumeId === undefined) this.#credentials.delete(vmId);
    else this.#credentials.get(vmId)?.delete(volumeId);
  }

  /** Behind the server of the VM's volumes, by a tool of its own, in place of one that it had. In memory the VM's record names it then. */
  async attach(vm: BucketVm, mount: VolumeMount, controlSocket: string): Promise<void> {
    const { volumeId, readOnly, source } = mount;
    if (source?.kind !== "bucket") throw new Error("a mount is no bucket");
    const credentials = this.#credentials.get(vm.vmId)?.get(volumeId);
    if (credentials === undefined)
      throw new FastvmError("conflict", "credentials_unavailable: the host was told none since it started");
    assertFits(source.uri, credentials);
    await this.end(vm, volumeId);
    await mkdir(this.#host.folder, { recursive: true, mode: 0o711 });
    const name = `${vm.record.slot}-${volumeId}`;
    const order = { name, source, credentials, readOnly, cwd: vm.folder, controlSocket, tag: volumeId };
    const held = await startBucket(this.#host, order);
    vm.holdBuckets([...(vm.record.buckets ?? []), { ...held, volumeId }]);
    await step("bucket.started");
  }

  /** Once its server has it no more. Again for one that has ended. */
  async end(vm: BucketVm, volumeId: VolumeId): Promise<void> {
    const held = heldOf(vm, volumeId);
    if (held === undefined) return;
    await endBucket(this.#host, held);
    vm.holdBuckets((vm.record.buckets ?? []).filter((one) => one !== held));
  }
}

function heldOf(vm: BucketVm, volumeId: VolumeId): HeldBucketMount | undefined {
  return vm.record.buckets?.find((one) => one.volumeId === volumeId);
}

export async function isServing(vm: BucketVm, volumeId: VolumeId): Promise<boolean> {
  const held = heldOf(vm, volumeId);
  return held !== undefined && (await isAlive(held.process));
}
