import { Type, type Static } from "typebox";

export const DeletionSchema = Type.Object(
  { id: Type.String(), deleted: Type.Literal(true) },
  { title: "Deletion" },
);
export type Deletion = Static<typeof DeletionSchema>;
