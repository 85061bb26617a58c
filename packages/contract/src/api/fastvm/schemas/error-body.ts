/** The one shape of failures. */
import { Type, type Static } from "typebox";
import { ERROR_CODES, type ErrorCode } from "../../../errors/errors.ts";

export const ErrorCodeSchema = Type.Unsafe<ErrorCode>({
  type: "string",
  enum: [...ERROR_CODES],
  title: "ErrorCode",
  description: "What happened, for programs. Later versions may add codes.",
});

export const ErrorBodySchema = Type.Object(
  {
    error: Type.String({ description: "What happened, for people." }),
    code: ErrorCodeSchema,
    message: Type.String({ description: "The same text as `error`: some clients read this field." }),
    hint: Type.Optional(Type.String({ description: "What to do about it." })),
    retryable: Type.Boolean({ description: "Whether the same request may succeed later." }),
    field: Type.Optional(Type.String({ description: "The input that caused it, as a dotted path." })),
    requestId: Type.Optional(
      Type.String({ description: "The request's, as in the header `x-request-id` and the server's log." }),
    ),
    suggested_action: Type.Optional(
      Type.String({ description: "The same text as `hint`, in answers of the proxy into services." }),
    ),
  },
  { title: "Error" },
);
export type ErrorBody = Static<typeof ErrorBodySchema>;
