/** Whether a server works. */
import { Type } from "typebox";

export const HealthSchema = Type.Object(
  { status: Type.String({ description: "`ok`, or why the server is not ready." }) },
  { title: "Health" },
);
