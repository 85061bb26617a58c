/** Whether the disk has room for what commands print: all sandboxes' logs together leave as much of it free as uploads do. */
import { FastvmError } from "@fastvm/contract";
import { freeBytesOf } from "../../../staging/free-bytes.ts";

export interface LogRoomOptions {
  readonly freeBytesFloor: number;
  /** Default: as the filesystem says. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

export class LogRoom {
  readonly #options: LogRoomOptions;
  readonly #onError: (error: unknown) => void;
  #wasThere = true;

  constructor(options: LogRoomOptions, onError: (error: unknown) => void) {
    this.#options = options;
    this.#onError = onError;
  }

  /** When there is none any more, that is told once. */
  async isThere(folder: string): Promise<boolean> {
    const { freeBytesFloor, freeBytes = freeBytesOf } = this.#options;
    // A disk that cannot be asked says why when it is written to.
    const isThere = (await freeBytes(folder).catch(() => Infinity)) >= freeBytesFloor;
    if (!isThere && this.#wasThere)
      this.#onError(new FastvmError("out_of_disk", "logs are to leave it room for VMs"));
    this.#wasThere = isThere;
    return isThere;
  }
}
