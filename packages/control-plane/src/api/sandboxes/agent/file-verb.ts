/** What a verb on files works with. */
import type { Engine } from "../../../engine/engine.ts";
import type { AgentContext } from "./agent-context.ts";
import type { FileHandles } from "./file-handles.ts";

export interface FileVerbContext {
  readonly ctx: AgentContext;
  readonly handles: FileHandles;
  readonly files: Engine["files"];
}
