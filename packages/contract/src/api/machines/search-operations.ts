/** Files of a machine, many at once. */
import type { Operation } from "../operation.ts";
import {
  ReplaceBodySchema,
  ReplaceResultSchema,
  SearchBodySchema,
  SearchResultSchema,
} from "./schemas/search.ts";

const FILES = "/v1/machines/{machineId}/files";
const ERRORS = [
  "vm_wrong_state",
  "guest_unresponsive",
  "not_supported",
  "file_not_found",
  "not_a_directory",
  "permission_denied",
  "file_failed",
] as const;

export const SEARCH_OPERATIONS = {
  searchMachineFiles: {
    method: "POST",
    path: `${FILES}/search`,
    tag: "Files",
    summary: "Look for files by name, and for text in them",
    description:
      "Text is looked for as it stands, in files that are text and no longer than 4 MiB; 2000 files are read, 10,000 looked at.",
    body: SearchBodySchema,
    responses: { 200: SearchResultSchema },
    errors: ERRORS,
  },
  replaceInMachineFiles: {
    method: "POST",
    path: `${FILES}/replace`,
    tag: "Files",
    summary: "Put another text in place of one, in all files that have it",
    description:
      "Each file is written whole or not at all; those before one that cannot be written are changed.",
    body: ReplaceBodySchema,
    responses: { 200: ReplaceResultSchema },
    errors: ERRORS,
  },
} as const satisfies Record<string, Operation>;
