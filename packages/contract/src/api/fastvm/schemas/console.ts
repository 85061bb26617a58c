/** What opens a VM's console once. */
import { Type } from "typebox";

export const ConsoleTokenSchema = Type.Object(
  {
    token: Type.String({ description: "Good for one connection." }),
    expiresInSec: Type.Integer(),
    websocketPath: Type.String({ description: "To be opened with `?session=<token>` and no key." }),
  },
  { title: "ConsoleToken" },
);
