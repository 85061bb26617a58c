/** A guest that writes and syncs all the time, and what of it was told to be synced. */
import type { FastvmClient, Vm } from "fastvm";
import { sh } from "../harness/keeper.ts";

export const WRITTEN = "/root/written";

/** A line is said once it, and its file's length, are synced. */
const WRITE = `
import os, sys
file = os.open("${WRITTEN}", os.O_WRONLY | os.O_APPEND)
number = int(sys.argv[1])
while True:
    number += 1
    os.write(file, b"%d\\n" % number)
    os.fsync(file)
    print(number, flush=True)
`;

export class Writer {
  #acknowledged = 0;
  readonly #ended: Promise<void>;

  /** Of a VM that has `prepareToWrite` behind it. */
  static begin(client: FastvmClient, vm: Vm): Writer {
    return new Writer(client, vm);
  }

  private constructor(client: FastvmClient, vm: Vm) {
    this.#ended = this.#follow(client, vm).catch(() => undefined);
  }

  async #follow(client: FastvmClient, vm: Vm): Promise<void> {
    let text = "";
    for await (const event of client.vms.stream(vm, ["python3", "-c", WRITE, "0"])) {
      if (event.type !== "stdout") continue;
      text += Buffer.from(event.data).toString();
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      this.#acknowledged = Number(lines.at(-1) ?? this.#acknowledged);
    }
  }

  /** The last line that was said to be synced. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Once its VM or its daemon is gone. */
  async ended(): Promise<void> {
    await this.#ended;
  }
}

export async function prepareToWrite(client: FastvmClient, vm: Vm): Promise<void> {
  await sh(client, vm, `: > ${WRITTEN}; sync ${WRITTEN} /root`);
}

/** Lines of what was read from the disk, which may have more than was said. Throws where it has less, or something else. */
export function expectWritten(text: string, acknowledged: number): void {
  const lines = text.split("\n").slice(0, acknowledged);
  const wrong = lines.findIndex((line, at) => line !== String(at + 1));
  if (lines.length < acknowledged || wrong >= 0) {
    throw new Error(
      `${acknowledged} lines were synced, the disk has ${lines.length}, wrong from ${wrong}: ${text.slice(0, 200)}`,
    );
  }
}
