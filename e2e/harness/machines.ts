/** What tests ask of the API of machines, with a key of its own. */
import { createKey } from "@fastvm/daemon";
import type { TestDaemon } from "./daemon.ts";
import { eventually } from "./eventually.ts";

/** On a machine that may be busy with others. */
const START_TIMEOUT_MS = 400_000;

export interface Machine {
  readonly id: string;
  readonly status: string;
  readonly snapshot_id: string | null;
}

interface Output {
  readonly stdout: string;
  readonly exit_code: number;
}

export class Machines {
  readonly #daemon: Pick<TestDaemon, "url">;
  readonly key: string;

  static async of(daemon: TestDaemon): Promise<Machines> {
    const { key } = await createKey(daemon.config.dataDir, { api: "nullspace" });
    return new Machines(daemon, key);
  }

  private constructor(daemon: Pick<TestDaemon, "url">, key: string) {
    this.#daemon = daemon;
    this.key = key;
  }

  /** Rejects with what was answered, where that is no success. `once`: the order's key. */
  async ask<T = Machine>(route: string, body?: object, once?: string): Promise<T> {
    const [method = "", path = ""] = route.split(" ");
    const answer = await fetch(`${this.#daemon.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(once === undefined ? {} : { "idempotency-key": once }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const parsed: unknown = await answer.json();
    if (!answer.ok) throw new Error(`${route}: ${answer.status} ${JSON.stringify(parsed)}`);
    return parsed as T;
  }

  async run(id: string, command: string): Promise<Output> {
    return await this.ask<Output>(`POST /v1/machines/${id}/exec`, { command, shell: true });
  }

  /** Resolves once it runs. */
  async create(body: object): Promise<Machine> {
    const { id } = await this.ask("POST /v1/machines", body);
    return await eventually(async () => {
      const machine = await this.ask(`GET /v1/machines/${id}`);
      if (machine.status !== "running") throw new Error(`machine ${id} is ${machine.status}`);
      return machine;
    }, START_TIMEOUT_MS);
  }

  async destroy(...ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.ask(`DELETE /v1/machines/${id}`);
  }
}
