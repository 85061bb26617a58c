/** The one shape of failures. */
import { Type, type Static } from "typebox";
import { orNull } from "./parts.ts";

export const ErrorBodySchema = Type.Object(
  {
    error: Type.String({ description: "What happened, for people." }),
    code: Type.String({ description: "What happened, for programs. Later versions may add codes." }),
    message: Type.String({ description: "The same text as `error`." }),
    retryable: Type.Boolean({ description: "Whether the same request may succeed later." }),
    suggested_action: Type.String({ description: "What to do about it." }),
    field: orNull(Type.String({ description: "The input that caused it, as a dotted path." })),
    request_id: orNull(
      Type.String({ description: "The request's, as in the header `x-request-id` and the server's log." }),
    ),
  },
  { title: "Error" },
);
export type MachineErrorBody = Static<typeof ErrorBodySchema>;
