/** Who an organisation is to registries of images. */
import { Type, type Static } from "typebox";
import { MAX_CREDENTIAL_LENGTH } from "../../../limits.ts";

export const RegistryLoginSchema = Type.Object(
  {
    registry: Type.String({ description: "Host and perhaps port, as references of images begin." }),
    username: Type.String(),
    createdAt: Type.String({ format: "date-time" }),
    updatedAt: Type.String({ format: "date-time", description: "When it was last given." }),
  },
  { title: "RegistryLogin", description: "The password is told to nobody." },
);
export type RegistryLogin = Static<typeof RegistryLoginSchema>;

export const SetRegistryLoginBodySchema = Type.Object(
  {
    username: Type.String({ minLength: 1, maxLength: MAX_CREDENTIAL_LENGTH, pattern: "^[^:\\x00-\\x1f]+$" }),
    password: Type.String({
      minLength: 1,
      maxLength: MAX_CREDENTIAL_LENGTH,
      description:
        "Or a token of the registry's. Kept sealed, used for pulls of the organisation's own alone.",
    }),
  },
  { title: "SetRegistryLoginBody" },
);
