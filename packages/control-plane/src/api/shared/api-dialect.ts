/** One API: what it is for whoever puts APIs beside each other (`app/build-app.ts`). */
import type { IncomingHttpHeaders } from "node:http";
import type { ApiName, Operation } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import type { Engine } from "../../engine/engine.ts";
import type { RenderError } from "./answer-error.ts";

/** An API's operations by their names. */
export type OperationTable = Readonly<Record<string, Operation>>;

export interface ApiDialect {
  /** Its keys are for it alone. */
  readonly name: ApiName;
  readonly operations: OperationTable;
  /** Below it all of the API is reached once more, whatever paths others have at the root. */
  readonly basePath?: string;
  /** The key that a request comes with, wherever this API's clients put it. */
  presentedKey(headers: IncomingHttpHeaders): string | undefined;
  readonly renderError: RenderError;
  /** Adds its routes to a scope of its own, whose errors are rendered by it. */
  register(scope: FastifyInstance, engine: Engine): void;
}
