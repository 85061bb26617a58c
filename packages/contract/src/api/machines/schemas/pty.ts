/** Terminals of machines, which are begun and used at the machine's socket. */
import { Type } from "typebox";
import { CLOSED } from "./parts.ts";

/** What a terminal can be, and more than any screen. */
const MAX_SIZE = 4096;

export const PtyListSchema = Type.Object(
  {
    sessions: Type.Array(
      Type.Object(
        {
          session_id: Type.String({ description: "`pty_…`." }),
          pid: Type.Integer(),
          command: Type.String(),
          running: Type.Boolean(),
        },
        { title: "PtySession" },
      ),
    ),
  },
  { title: "PtyList" },
);

const size = Type.Integer({ minimum: 1, maximum: MAX_SIZE });

export const ResizeBodySchema = Type.Object({ cols: size, rows: size }, { ...CLOSED, title: "ResizeBody" });
export const ResizedSchema = Type.Object(
  { cols: Type.Integer(), rows: Type.Integer() },
  { title: "Resized" },
);
