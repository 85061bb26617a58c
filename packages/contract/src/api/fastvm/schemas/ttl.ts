/** A time to live: counts down only while the VM runs, then pauses or deletes it. */
import { Type } from "typebox";
import { MAX_TTL_SEC } from "../../../limits.ts";
import { TTL_ACTIONS, type TtlAction } from "../../../model/ttl.ts";
import { STRICT } from "./strict.ts";

export const TtlSchema = Type.Object(
  {
    action: Type.Unsafe<TtlAction>({ type: "string", enum: [...TTL_ACTIONS] }),
    seconds: Type.Integer({ minimum: 1, maximum: MAX_TTL_SEC }),
  },
  STRICT,
);
