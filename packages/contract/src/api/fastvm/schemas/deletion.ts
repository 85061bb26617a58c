/** The answer of every deletion. */
import { Type } from "typebox";

export const DeletionSchema = Type.Object(
  { id: Type.String(), deleted: Type.Literal(true) },
  { title: "Deletion" },
);
