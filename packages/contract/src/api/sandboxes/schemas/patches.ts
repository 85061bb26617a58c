/** What is changed in the root of a sandbox before it starts. */
import { Type } from "typebox";
import { CLOSED, maybe, tagged } from "./parts.ts";

const path = () => Type.String({ minLength: 1, maxLength: 4096 });
const mode = maybe(Type.Integer({ minimum: 0, maximum: 0o7777 }));
const replace = Type.Optional(Type.Boolean());
const bytes = Type.Array(Type.Integer({ minimum: 0, maximum: 255 }));

export const PatchSchema = tagged([
  Type.Object({ type: Type.Literal("text"), path: path(), content: Type.String(), mode, replace }, CLOSED),
  Type.Object({ type: Type.Literal("file"), path: path(), content: bytes, mode, replace }, CLOSED),
  Type.Object({ type: Type.Literal("copy_file"), src: path(), dst: path(), mode, replace }, CLOSED),
  Type.Object({ type: Type.Literal("copy_dir"), src: path(), dst: path(), replace }, CLOSED),
  Type.Object({ type: Type.Literal("symlink"), target: path(), link: path(), replace }, CLOSED),
  Type.Object({ type: Type.Literal("mkdir"), path: path(), mode }, CLOSED),
  Type.Object({ type: Type.Literal("remove"), path: path() }, CLOSED),
  Type.Object({ type: Type.Literal("append"), path: path(), content: Type.String() }, CLOSED),
]);
