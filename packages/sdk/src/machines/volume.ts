/** A volume: storage with a life of its own, which several machines may have at once. */
import { joinPath } from "../http/path.ts";
import { MachineConnection, newKey } from "./connection.ts";
import type { CallOptions, MachineOptions } from "./connection.ts";
import { MachineFiles } from "./machine-files.ts";
import type { VolumeAttachment, VolumeInfo } from "./types.ts";

const VOLUMES = "/v1/volumes";

type Options = MachineOptions & CallOptions;

/** Files of a volume have no uploads in parts and no signed URLs. A watch sees what is there a second later. */
export type VolumeFiles = Omit<
  MachineFiles,
  | "search"
  | "replace"
  | "uploadDir"
  | "uploadFile"
  | "listUploads"
  | "abortUpload"
  | "uploadUrl"
  | "downloadUrl"
>;

export class Volume {
  /** As it was when the handle was made. */
  readonly info: VolumeInfo;
  /** For which no machine is needed; `/` is the volume. */
  readonly files: VolumeFiles;
  readonly #connection: MachineConnection;
  readonly #path: string;

  private constructor(connection: MachineConnection, info: VolumeInfo) {
    this.#connection = connection;
    this.info = info;
    this.#path = joinPath("v1", "volumes", info.id);
    this.files = new MachineFiles(connection, this.#path);
  }

  /** Its size is reserved at once: whole GiB, rounded up; default 1 GiB. */
  static async create(
    name: string,
    { maxSizeBytes, ...options }: Options & { readonly maxSizeBytes?: number } = {},
  ): Promise<Volume> {
    const connection = new MachineConnection(options);
    const call = { body: { name, maxSizeBytes }, key: newKey(), signal: options.signal };
    return new Volume(connection, await connection.call<VolumeInfo>("POST", VOLUMES, call));
  }

  /** By id or exact name. */
  static async get(ref: string, options: Options = {}): Promise<Volume> {
    const connection = new MachineConnection(options);
    const call = { signal: options.signal };
    return new Volume(
      connection,
      await connection.call<VolumeInfo>("GET", joinPath("v1", "volumes", ref), call),
    );
  }

  /** Newest first. */
  static async list(options: Options = {}): Promise<readonly VolumeInfo[]> {
    const call = { signal: options.signal };
    const { volumes } = await new MachineConnection(options).call<{
      readonly volumes: readonly VolumeInfo[];
    }>("GET", VOLUMES, call);
    return volumes;
  }

  get id(): string {
    return this.info.id;
  }

  /** Of all machines that have it. */
  async attachments(options: CallOptions = {}): Promise<readonly VolumeAttachment[]> {
    const { attachments } = await this.#connection.call<{
      readonly attachments: readonly VolumeAttachment[];
    }>("GET", `${this.#path}/attachments`, options);
    return attachments;
  }

  /** With all that is in it; code `volume_busy` while a machine has it. */
  async delete(options: CallOptions = {}): Promise<void> {
    await this.#connection.raw("DELETE", this.#path, options);
  }
}
