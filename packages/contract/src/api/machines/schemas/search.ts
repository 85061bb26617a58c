/** Looking for files of a machine by name and content, and changing text in many of them. */
import { Type } from "typebox";
import { CLOSED, maybe, orNull } from "./parts.ts";

/** Of a text that is looked for. */
const MAX_TEXT = 4096;
/** Matches of one answer. */
const MAX_MATCHES = 1000;

const path = Type.String({ minLength: 1, description: "Absolute: a folder, with all that is below it." });
const name = maybe(
  Type.String({ minLength: 1, maxLength: 255, description: "Of files: `*` is any text, `?` any letter." }),
);
const text = Type.String({ minLength: 1, maxLength: MAX_TEXT, description: "As it stands in a line." });
const caseSensitive = maybe(Type.Boolean({ description: "Default true." }));
const truncated = Type.Boolean({ description: "Whether there was more than was looked at or is told." });

export const SearchBodySchema = Type.Object(
  {
    path,
    name,
    text: maybe(text),
    case_sensitive: caseSensitive,
    limit: maybe(Type.Integer({ minimum: 1, maximum: MAX_MATCHES, description: "Default 100." })),
  },
  { ...CLOSED, title: "SearchBody" },
);
const MatchSchema = Type.Object(
  {
    path: Type.String(),
    line: orNull(Type.Integer({ description: "From 1; null where only names were looked for." })),
    text: orNull(Type.String({ description: "The line, or its beginning." })),
  },
  { title: "FileMatch" },
);
export const SearchResultSchema = Type.Object(
  { matches: Type.Array(MatchSchema, { description: "In the order of paths and lines." }), truncated },
  { title: "SearchResult" },
);

export const ReplaceBodySchema = Type.Object(
  {
    path,
    name,
    text,
    replacement: Type.String({ maxLength: MAX_TEXT }),
    case_sensitive: caseSensitive,
    dry_run: maybe(Type.Boolean({ description: "Only tells what it would do. Default false." })),
  },
  { ...CLOSED, title: "ReplaceBody" },
);
export const ReplaceResultSchema = Type.Object(
  {
    files: Type.Array(
      Type.Object({ path: Type.String(), replacements: Type.Integer() }, { title: "ReplacedFile" }),
    ),
    replacements: Type.Integer({ description: "In all of them." }),
    dry_run: Type.Boolean(),
    truncated,
  },
  { title: "ReplaceResult" },
);
