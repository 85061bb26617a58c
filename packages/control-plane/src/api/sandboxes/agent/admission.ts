/** Who may open a socket to the agent of which sandbox. */
import type { IncomingMessage } from "node:http";
import { FastvmError, hasScope } from "@fastvm/contract";
import type { Engine, Sandbox } from "../../../engine/engine.ts";
import { recognise } from "../../../http/strangers/visitor.ts";
import { presentedKey } from "../presented-key.ts";
import { SANDBOXES } from "../sandboxes-scope.ts";
import { sandboxStatus } from "../views/sandbox-view.ts";

const MAX_CLIENTS = 128;

export class Admission {
  readonly #engine: Pick<Engine, "keys" | "sandboxes">;
  readonly #clients = new Map<string, number>();

  constructor(engine: Pick<Engine, "keys" | "sandboxes">) {
    this.#engine = engine;
  }

  /** Throws as an operation that needs the scope `run` would. */
  async admit(request: IncomingMessage, sandboxId: string): Promise<Sandbox> {
    const { keys, sandboxes } = this.#engine;
    const key = presentedKey(request.headers);
    const holder = key === undefined ? undefined : await keys.holderOf(key, SANDBOXES.name);
    if (holder === undefined) throw new FastvmError("unauthorized");
    recognise(request);
    if (holder.rate?.isOver === true) throw new FastvmError("too_many_requests");
    if (!hasScope(holder.scopes, "run")) throw new FastvmError("insufficient_scope");
    const found = await sandboxes.get(holder, sandboxId);
    const status = sandboxStatus(found);
    if (status !== "running")
      throw new FastvmError("vm_wrong_state", `commands need a running sandbox, and this one is ${status}`);
    if ((this.#clients.get(sandboxId) ?? 0) >= MAX_CLIENTS)
      throw new FastvmError("too_many_requests", `${MAX_CLIENTS} clients are connected to this sandbox`);
    return found;
  }

  /** Counts a client, until the function that is returned is called. */
  count(sandboxId: string): () => void {
    const clients = this.#clients;
    clients.set(sandboxId, (clients.get(sandboxId) ?? 0) + 1);
    return () => {
      const left = (clients.get(sandboxId) ?? 1) - 1;
      if (left > 0) clients.set(sandboxId, left);
      else clients.delete(sandboxId);
    };
  }
}
