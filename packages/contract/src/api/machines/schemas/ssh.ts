/** Logins over SSH, by certificates that are good for minutes. */
import { Type, type Static } from "typebox";
import { CLOSED, instant, maybe, oneOf, orNull } from "./parts.ts";

/** As long as a session takes to begin, with room for a script of several; one that has begun outlives it. */
export const DEFAULT_SSH_ACCESS_SEC = 900;
const MAX_SSH_ACCESS_SEC = 3600;

export const SshAccessBodySchema = Type.Object(
  {
    public_key: Type.String({
      minLength: 1,
      maxLength: 16_384,
      description: "In OpenSSH's form, as `id_ed25519.pub` has it. The private key stays where it is.",
    }),
    user: maybe(oneOf(["root"], "Default `root`.")),
    ttl_seconds: maybe(
      Type.Integer({
        minimum: 1,
        maximum: MAX_SSH_ACCESS_SEC,
        description: `Default ${DEFAULT_SSH_ACCESS_SEC}. Not with \`expires_in_minutes\`.`,
      }),
    ),
    expires_in_minutes: maybe(Type.Integer({ minimum: 1, maximum: MAX_SSH_ACCESS_SEC / 60 })),
  },
  { ...CLOSED, title: "SshAccessBody" },
);
export type SshAccessBody = Static<typeof SshAccessBodySchema>;

export const SshAccessSchema = Type.Object(
  {
    certificate: Type.String({ description: "One line, for `id_ed25519-cert.pub` beside the private key." }),
    host: orNull(
      Type.String({ description: "The machine's public address; null where the host has none to give." }),
    ),
    port: Type.Integer(),
    user: Type.String(),
    expires_at: instant("No session begins from then on."),
    access_id: Type.String({ description: "The certificate's name, which the machine's SSH server logs." }),
    command: orNull(
      Type.String({ description: "For a shell; the certificate is found beside the private key." }),
    ),
    host_key: orNull(
      Type.String({ description: "The machine's, for `known_hosts`; null when it shows none." }),
    ),
  },
  { title: "SshAccess" },
);
