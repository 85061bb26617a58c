/** What the calls of an agent's socket work with. */
import type { VmId } from "@fastvm/contract";
import type { Engine } from "../../../engine/engine.ts";
import type { OutputSource } from "../logs/log-line.ts";
import type { Payload } from "./frame.ts";

export interface AgentContext {
  readonly engine: Engine;
  readonly vmId: VmId;
  /** Of commands that say nothing of it. */
  readonly user: string | undefined;
  readonly cwd: string;
  /** Of what its commands print, for whoever reads logs. Resolves when there is room for more. */
  readonly print: (source: OutputSource, text: string) => Promise<void>;
  /** Fires when the client is gone: nothing of it lives on. */
  readonly signal: AbortSignal;
  /** Resolves when it is on its way, so that a slow reader costs no memory. */
  readonly send: (type: string, payload: Payload) => Promise<void>;
}

/** One id of a socket, from its opening frame to its last. */
export interface AgentCall {
  /** Resolves when the next frame may come. */
  receive(type: string, payload: Payload): Promise<void>;
}
