/** When a VM ends by itself: after so long a life, or when nobody has used it for so long. */
import { Type } from "typebox";
import { MAX_TTL_SEC } from "../../../limits.ts";
import { POLICY_ACTIONS, type PolicyAction } from "../../../model/lifecycle-policy.ts";
import { STRICT } from "./strict.ts";

const action = Type.Unsafe<PolicyAction>({
  type: "string",
  enum: [...POLICY_ACTIONS],
  description: "What becomes of it then.",
});
const seconds = Type.Integer({ minimum: 1, maximum: MAX_TTL_SEC });

/** On a clock that goes on while the VM is paused or stopped, unlike that of `ttl`. */
export const MaxLifeSchema = Type.Object(
  { action, seconds },
  {
    ...STRICT,
    description:
      "How long it lives from when it was made, running or not. A VM that is started after that begins anew; " +
      "`delete` strikes paused and stopped ones, too.",
  },
);

export const IdlePolicySchema = Type.Object(
  {
    action,
    seconds,
    guestWork: Type.Optional(
      Type.Boolean({ description: "Whether what its guest computes by itself is use, too. Default false." }),
    ),
  },
  {
    ...STRICT,
    description:
      "How long it may run unused. Use is what comes from outside: commands, consoles, files, requests to its services, SSH.",
  },
);
