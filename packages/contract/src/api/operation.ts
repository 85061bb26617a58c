/** One operation of an API, as data: what its table says of it. */
import type { Static, TSchema } from "typebox";
import type { ApiErrorCode } from "../errors/errors.ts";
import type { Scope } from "../model/scopes.ts";

export interface Operation {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With `{name}` for parameters, as OpenAPI writes it. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Whether it is served without an API key. */
  readonly open?: boolean;
  /** What a key needs for it, where that is not what operations of its kind need. */
  readonly scope?: Scope;
  readonly query?: TSchema;
  readonly body?: TSchema;
  /** Nothing can be left out though no field is required by itself: one of several is. */
  readonly needsBody?: true;
  /** What it takes and answers is not JSON but bytes, of any number, that stream. */
  readonly bytes?: "request" | "response";
  /** Success answers by status; `undefined` for one without a body. */
  readonly responses: Readonly<Record<number, TSchema | undefined>>;
  /** The element type of the answer's other form, newline-delimited JSON. */
  readonly ndjson?: TSchema;
  /** That of the data in the answer's third form, server-sent events. */
  readonly sse?: TSchema;
  /** The codes it can answer besides those that `errorCodesOf` adds to all of its kind. */
  readonly errors: readonly ApiErrorCode[];
}

/** What it takes. `undefined` for one without a body. */
export type OperationBody<One extends Operation> = One extends { body: infer Body extends TSchema }
  ? Static<Body>
  : undefined;

/** What works in VMs, whatever the method: who reads a file there reads what its programs know. */
const IN_VMS: ReadonlySet<string> = new Set(["Commands", "Console", "Files"]);

/** What a key needs for an operation. */
export function scopeOf({ scope, tag, method }: Pick<Operation, "scope" | "tag" | "method">): Scope {
  if (scope !== undefined) return scope;
  if (IN_VMS.has(tag)) return "run";
  return method === "GET" ? "read" : "manage";
}
