/** Who changed what through an API, and who tried to. */
import { Type, type Static } from "typebox";
import { API_NAMES, type ApiName } from "../../../credentials.ts";

const State = (description: string) =>
  Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()], { description });

const AuditEntrySchema = Type.Object(
  {
    id: Type.Integer({ minimum: 1, description: "Counts the organisation's entries from 1, without gaps." }),
    at: Type.String({ format: "date-time" }),
    keyId: Type.String({ description: "Of the key that was presented, which may be gone." }),
    address: Type.String({ description: "The client's end of the connection; behind a proxy, the proxy's." }),
    requestId: Type.String({ description: "As the answer's `x-request-id` had it." }),
    api: Type.Unsafe<ApiName>({ type: "string", enum: [...API_NAMES] }),
    operation: Type.String({ description: "As the API's table calls it, such as `deleteVm`." }),
    method: Type.String(),
    path: Type.String({ description: "As it was asked for, without what follows a question mark." }),
    status: Type.Integer({
      description: "Of the answer: from 400 on nothing was changed, or not all of it.",
    }),
    subject: Type.Optional(
      Type.String({ description: "Id of what it was about, or what the request called it." }),
    ),
    before: Type.Optional(
      State(
        "What changed of the subject's record, as it was. Null where it began to exist. Without secrets.",
      ),
    ),
    after: Type.Optional(State("The same as it was at the answer. Null where it is gone.")),
  },
  { title: "AuditEntry" },
);
export type AuditEntryView = Static<typeof AuditEntrySchema>;

export const AuditPageSchema = Type.Object(
  {
    entries: Type.Array(AuditEntrySchema),
    hasMore: Type.Boolean({ description: "Whether more match than this page has." }),
  },
  { title: "AuditPage" },
);

const MAX_ENTRIES = 1000;

export const AuditQuerySchema = Type.Object({
  after: Type.Optional(
    Type.Integer({ minimum: 0, description: "Only entries above this number. Default: all that are kept." }),
  ),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: MAX_ENTRIES, description: "Of a page; default 100." }),
  ),
  order: Type.Optional(
    Type.Unsafe<"asc" | "desc">({
      type: "string",
      enum: ["asc", "desc"],
      description: "Default `asc`, oldest first.",
    }),
  ),
  vm: Type.Optional(Type.String({ description: "Only of the VM with this id, which may be gone." })),
  key: Type.Optional(Type.String({ description: "Only by the key with this id." })),
  method: Type.Optional(Type.String({ description: "Only by this method, such as `DELETE`." })),
  operation: Type.Optional(Type.String({ description: "Only this operation." })),
});
