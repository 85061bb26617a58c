import { Type, type Static } from "typebox";

export const ErrorBodySchema = Type.Object(
  {
    error: Type.String({ description: "What happened, for people." }),
    code: Type.String({ description: "What happened, for programs: a code of the error catalogue." }),
    message: Type.String({ description: "The same text as `error`: some clients read this field." }),
    hint: Type.Optional(Type.String({ description: "What to do about it." })),
    field: Type.Optional(Type.String({ description: "The input that caused it, as a dotted path." })),
  },
  { title: "Error" },
);
export type ErrorBody = Static<typeof ErrorBodySchema>;
