import { Type, type Static } from "typebox";

export const HealthSchema = Type.Object(
  { status: Type.String({ description: "`ok`, or why the server is not ready." }) },
  { title: "Health" },
);
export type Health = Static<typeof HealthSchema>;
