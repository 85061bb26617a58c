/** Failures: nested, as the published client reads them first, and flat, as the older ones do. */
import { Type, type Static } from "typebox";
import { orNull } from "./parts.ts";

const code = () => Type.String({ description: "For programs. Later versions may add codes." });
const message = () => Type.String({ description: "For people." });

export const SandboxErrorSchema = Type.Object(
  {
    code: code(),
    message: message(),
    error: Type.Object({
      code: code(),
      message: message(),
      details: Type.Object({
        field: orNull(Type.String({ description: "The input that caused it, as a dotted path." })),
        hint: Type.String({ description: "What to do about it." }),
        retryable: Type.Boolean({ description: "Whether the same request may succeed later." }),
        request_id: Type.String({ description: "The request's, as in the header `x-request-id`." }),
      }),
    }),
  },
  { title: "Error" },
);
export type SandboxErrorBody = Static<typeof SandboxErrorSchema>;
