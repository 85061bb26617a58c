/** Bodies that stop a VM, start it, or do both. */
import { Type, type Static } from "typebox";
import { DEFAULT_STOP_GRACE_SEC, MAX_STOP_GRACE_SEC } from "../../../limits.ts";
import { nullable } from "./nullable.ts";

export const StopBodySchema = Type.Object(
  {
    graceSec: Type.Optional(
      nullable(
        Type.Integer({
          minimum: 0,
          maximum: MAX_STOP_GRACE_SEC,
          description: `How long its guest may take to power off before the power goes; 0: none. Default ${DEFAULT_STOP_GRACE_SEC}.`,
        }),
      ),
    ),
  },
  { title: "StopBody" },
);
export type StopBody = Static<typeof StopBodySchema>;

export const StartBodySchema = Type.Object(
  {
    force: Type.Optional(
      nullable(
        Type.Boolean({
          description:
            "Whether a disk that its host lost boots without the check that it has to pass otherwise.",
        }),
      ),
    ),
  },
  { title: "StartBody" },
);
