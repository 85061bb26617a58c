import { Type, type Static } from "typebox";
import { nullable } from "./nullable.ts";

/** Of one user; each is offered to every VM. */
export const MAX_USER_SSH_KEYS = 32;
export const MAX_VM_SSH_KEYS = 32;
/** An RSA key of 16,384 bits fits. */
const MAX_PUBLIC_KEY_LENGTH = 4096;

export const SshKeySchema = Type.Object(
  {
    publicKey: Type.String({ description: "`<type> <base64>`, without its comment." }),
    fingerprint: Type.String({ description: "`SHA256:…`, as `ssh-keygen -lf` prints it; the key's id." }),
    createdAt: Type.String({ format: "date-time" }),
    name: Type.Optional(Type.String()),
  },
  { title: "SshKey" },
);
export type SshKey = Static<typeof SshKeySchema>;

export const SshKeyListSchema = Type.Object({ keys: Type.Array(SshKeySchema) }, { title: "SshKeyList" });

export const AddSshKeyBodySchema = Type.Object(
  {
    publicKey: Type.String({ maxLength: MAX_PUBLIC_KEY_LENGTH, description: "One line of a `.pub` file." }),
    name: Type.Optional(nullable(Type.String())),
  },
  { title: "AddSshKeyBody" },
);
