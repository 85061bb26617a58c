/** The types of what an operation takes and answers, out of its schemas. */
import type { Static, TSchema } from "typebox";
import type { OperationBody } from "../operation.ts";
import type { OPERATIONS, OperationId } from "./operations.ts";

type Of<Id extends OperationId> = (typeof OPERATIONS)[Id];

export type BodyOf<Id extends OperationId> = OperationBody<Of<Id>>;

type StaticOrNone<Schema> = Schema extends TSchema ? Static<Schema> : undefined;

/** Any of its success answers, not the streamed form; `undefined` for an answer without a body. */
export type AnswerOf<Id extends OperationId> = StaticOrNone<Of<Id>["responses"][keyof Of<Id>["responses"]]>;
