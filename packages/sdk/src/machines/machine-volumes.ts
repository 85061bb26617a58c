/** `machine.volumes`: what a machine that runs or is paused has of volumes. */
import { joinPath } from "../http/path.ts";
import { newKey, type CallOptions, type MachineConnection } from "./connection.ts";
import type { AttachmentHealth, VolumeAttachment, VolumeMount } from "./types.ts";

export class MachineVolumes {
  readonly #connection: MachineConnection;
  readonly #path: string;

  constructor(connection: MachineConnection, machineId: string) {
    this.#connection = connection;
    this.#path = joinPath("v1", "machines", machineId, "volumes");
  }

  /** In the order in which they were asked for. */
  async list(options: CallOptions = {}): Promise<readonly VolumeAttachment[]> {
    const { attachments } = await this.#connection.call<{
      readonly attachments: readonly VolumeAttachment[];
    }>("GET", this.#path, options);
    return attachments;
  }

  get(attachmentId: string, options: CallOptions = {}): Promise<VolumeAttachment> {
    return this.#connection.call("GET", this.#path + joinPath(attachmentId), options);
  }

  /** At most 8 a machine, each volume once. Of a paused one it is mounted when it resumes. */
  attach(mount: VolumeMount, options: CallOptions = {}): Promise<VolumeAttachment> {
    return this.#connection.call("POST", this.#path, { body: mount, key: newKey(), ...options });
  }

  health(attachmentId: string, options: CallOptions = {}): Promise<AttachmentHealth> {
    return this.#connection.call("GET", `${this.#path}${joinPath(attachmentId)}/health`, options);
  }

  /** Taken by force and mounted anew; status `failed` says why it could not be. */
  remount(attachmentId: string, options: CallOptions = {}): Promise<VolumeAttachment> {
    const call = { body: {}, ...options };
    return this.#connection.call("POST", `${this.#path}${joinPath(attachmentId)}/remount`, call);
  }

  /** `force`: also while programs have files of it open. */
  async detach(
    attachmentId: string,
    { force, signal }: CallOptions & { readonly force?: boolean } = {},
  ): Promise<void> {
    const call = { query: { force }, once: true, signal };
    await this.#connection.raw("DELETE", this.#path + joinPath(attachmentId), call);
  }
}
