/** One operation of an API, as data: what its table says of it. */
import type { Static, TSchema } from "typebox";
import type { ApiErrorCode } from "../errors/errors.ts";

export interface Operation {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With `{name}` for parameters, as OpenAPI writes it. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Whether it is served without an API key. */
  readonly open?: boolean;
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
  /** The codes it can answer besides those that `errorCodesOf` adds to all of its kind. */
  readonly errors: readonly ApiErrorCode[];
}

/** What it takes. `undefined` for one without a body. */
export type OperationBody<One extends Operation> = One extends { body: infer Body extends TSchema }
  ? Static<Body>
  : undefined;
