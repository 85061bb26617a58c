/** A service: a name under which one TCP port of a VM is reached through the platform's proxy. */
import { Type, type Static } from "typebox";
import { MIN_SERVICE_PORT } from "../../../model/service.ts";
import { nullable } from "./nullable.ts";

const name = Type.String({
  description: "1 to 29 characters: a-z, 0-9 and single hyphens inside.",
});
const port = Type.Integer({ minimum: MIN_SERVICE_PORT, maximum: 65_535 });
const h2c = Type.Optional(
  nullable(Type.Boolean({ description: "The proxy speaks cleartext HTTP/2 to the VM; gRPC needs it." })),
);

export const ServiceSchema = Type.Object({ name, port, h2c: Type.Boolean() }, { title: "Service" });

export const ReachableServiceSchema = Type.Object(
  {
    name,
    port,
    h2c: Type.Boolean(),
    url: Type.Optional(
      Type.String({ description: "Where it is reached by a host name of its own, without a key." }),
    ),
    pathUrl: Type.Optional(
      Type.String({ description: "The same by path, for places where that name does not resolve." }),
    ),
  },
  { title: "ReachableService" },
);
export type ReachableService = Static<typeof ReachableServiceSchema>;

export const RegisterServiceBodySchema = Type.Object({ name, port, h2c }, { title: "RegisterServiceBody" });
export const UpdateServiceBodySchema = Type.Object({ port, h2c }, { title: "UpdateServiceBody" });
