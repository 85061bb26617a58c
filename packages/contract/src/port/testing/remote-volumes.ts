/** Volumes behind the wire of `remote-worker.ts`: both of its ends. */
import { FastvmError } from "../../errors/errors.ts";
import type { VmId, VolumeId } from "../../model/ids.ts";
import type { VolumeMount } from "../../model/volume.ts";
import type { CallOptions } from "../call-options.ts";
import type { FileInfo, FileListing, FileModeOptions } from "../file-access.ts";
import type {
  Detached,
  DetachOptions,
  MountOutcome,
  VolumeFiles,
  VolumeHolding,
  VolumeSpec,
  VolumeUsage,
} from "../volume-holding.ts";
import type { WirePeer } from "./wire-peer.ts";

/** Content that the other side asks for while it is written. */
export interface OfferedContent {
  readonly handle: number;
  during(write: () => Promise<unknown>): Promise<void>;
}

type Offer = (content: AsyncIterable<Uint8Array>) => OfferedContent;
type Verb = Exclude<keyof VolumeHolding, "files">;

export class RemoteVolumes implements VolumeHolding {
  readonly files: VolumeFiles;
  readonly #peer: WirePeer;

  constructor(peer: WirePeer, offer: Offer) {
    this.#peer = peer;
    this.files = remoteFiles(peer, offer);
  }

  async create(spec: VolumeSpec): Promise<void> {
    await this.#ask("create", [spec]);
  }

  async grow(volumeId: VolumeId, sizeGib: number): Promise<void> {
    await this.#ask("grow", [volumeId, sizeGib]);
  }

  async remove(volumeId: VolumeId): Promise<void> {
    await this.#ask("remove", [volumeId]);
  }

  async usage(volumeIds: readonly VolumeId[]): Promise<readonly (VolumeUsage | undefined)[]> {
    const found = (await this.#ask("usage", [volumeIds])) as (VolumeUsage | null | undefined)[];
    return found.map((usage) => usage ?? undefined);
  }

  async attach(vmId: VmId, mount: VolumeMount, options?: CallOptions): Promise<void> {
    await this.#ask("attach", [vmId, mount], options);
  }

  async detach(vmId: VmId, volumeId: VolumeId, options?: DetachOptions): Promise<Detached> {
    return (await this.#ask("detach", [vmId, volumeId], options)) as Detached;
  }

  async mounts(vmId: VmId): Promise<readonly MountOutcome[]> {
    return (await this.#ask("mounts", [vmId])) as MountOutcome[];
  }

  async #ask(verb: Verb, args: readonly unknown[], options: CallOptions = {}): Promise<unknown> {
    const { signal, ...rest } = options;
    return await this.#peer.call(`volumes.${verb}`, [...args, rest], signal);
  }
}

function remoteFiles(peer: WirePeer, offer: Offer): VolumeFiles {
  const ask = (
    verb: keyof VolumeFiles,
    args: readonly unknown[],
    { signal, ...rest }: CallOptions = {},
  ): Promise<unknown> => peer.call(`volumes.files.${verb}`, [...args, rest], signal);
  return {
    info: async (id, path, options) => (await ask("info", [id, path], options)) as FileInfo,
    list: async (id, path, options) => (await ask("list", [id, path], options)) as FileListing,
    setMode: async (id, path, mode, options) => void (await ask("setMode", [id, path, mode], options)),
    makeFolder: async (id, path, options) => void (await ask("makeFolder", [id, path], options)),
    remove: async (id, path, options) => void (await ask("remove", [id, path], options)),
    rename: async (id, path, to, options) => void (await ask("rename", [id, path, to], options)),
    read: async (id, path, options) => {
      const handle = await ask("read", [id, path], options);
      const next = async (method: string) =>
        (await peer.call(method, [handle], options?.signal)) as IteratorResult<Uint8Array, undefined>;
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => next("volumes.read.next"),
          return: () => next("volumes.read.return"),
        }),
      };
    },
    write: async (id, path, content, options) => {
      const offered = offer(content);
      await offered.during(() => ask("write", [id, path, offered.handle], options));
    },
  };
}

/** The other side. */
export class ServedVolumes {
  readonly #volumes: VolumeHolding;
  readonly #source: (handle: number) => AsyncIterable<Uint8Array>;
  readonly #reads = new Map<number, AsyncIterator<Uint8Array>>();
  #nextHandle = 1;

  constructor(volumes: VolumeHolding, source: (handle: number) => AsyncIterable<Uint8Array>) {
    this.#volumes = volumes;
    this.#source = source;
  }

  async handle(method: string, args: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    const [, ...names] = method.split(".");
    if (names[0] === "read") return await this.#next(names[1], args[0] as number);
    const options = { ...(args.at(-1) as CallOptions), signal };
    const given = [...args.slice(0, -1), options];
    if (names[0] !== "files") return await this.#call(this.#volumes, names[0], given);
    const { files } = this.#volumes;
    if (names[1] === "write") {
      const [id, path, handle] = args as [VolumeId, string, number];
      return await files.write(id, path, this.#source(handle), options satisfies FileModeOptions);
    }
    const answer = await this.#call(files, names[1], given);
    if (names[1] !== "read") return answer;
    this.#reads.set(this.#nextHandle, (answer as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]());
    return this.#nextHandle++;
  }

  async #call(target: object, name: string | undefined, args: readonly unknown[]): Promise<unknown> {
    const call = (target as Record<string, unknown>)[name ?? ""];
    if (typeof call !== "function") throw new FastvmError("invalid_request", name);
    return await (call as (...all: unknown[]) => Promise<unknown>).apply(target, [...args]);
  }

  async #next(name: string | undefined, handle: number): Promise<unknown> {
    const read = this.#reads.get(handle);
    return name === "next" ? await read?.next() : await read?.return?.();
  }
}
