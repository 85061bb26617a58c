/** API keys as those see them who may make them. */
import { Type, type Static } from "typebox";
import { API_NAMES, type ApiName } from "../../../credentials.ts";
import { MAX_KEY_NAME_LENGTH, MAX_REQUESTS_PER_MINUTE } from "../../../limits.ts";
import { SCOPES, type Scope } from "../../../model/scopes.ts";
import { STRICT } from "./strict.ts";

const ScopeSchema = Type.Unsafe<Scope>({ type: "string", enum: [...SCOPES] });
const ApiSchema = Type.Unsafe<ApiName>({ type: "string", enum: [...API_NAMES] });

/** RFC 3339. Bodies are checked without its rules of calendars; what is no date is refused later. */
const INSTANT = "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?(Z|[+-]\\d\\d:\\d\\d)$";

const KEY = {
  id: Type.String(),
  orgId: Type.String(),
  api: ApiSchema,
  name: Type.Optional(Type.String()),
  scopes: Type.Array(ScopeSchema),
  createdAt: Type.String({ format: "date-time" }),
  expiresAt: Type.Optional(Type.String({ format: "date-time" })),
  lastUsedAt: Type.Optional(Type.String({ format: "date-time", description: "To the minute or so." })),
  requestsPerMinute: Type.Optional(Type.Integer({ minimum: 1 })),
};

export const KeySchema = Type.Object(KEY, { title: "Key", description: "Without what is secret of it." });
export type KeyView = Static<typeof KeySchema>;

export const NewKeySchema = Type.Object(
  { ...KEY, key: Type.String({ description: "The key itself, which no other answer has." }) },
  { title: "NewKey" },
);

/** Each of these takes something away from what the key could do without it, so none may be misspelt. */
export const CreateKeyBodySchema = Type.Object(
  {
    api: Type.Optional(ApiSchema),
    name: Type.Optional(Type.String({ maxLength: MAX_KEY_NAME_LENGTH })),
    scopes: Type.Optional(Type.Array(ScopeSchema, { minItems: 1, description: "Default: `manage`." })),
    expiresAt: Type.Optional(
      Type.String({ pattern: INSTANT, description: "As RFC 3339 has it. Default: never." }),
    ),
    requestsPerMinute: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_REQUESTS_PER_MINUTE,
        description: "Answers then say in `RateLimit-…` headers what is left. Default: as many as there are.",
      }),
    ),
  },
  { ...STRICT, title: "CreateKeyBody" },
);
export type CreateKeyBody = Static<typeof CreateKeyBodySchema>;
