/** Writes docs/API-REFERENCE.md from the schemas: `npm run openapi -w @fastvm/contract`. */
import { writeFileSync } from "node:fs";
import { buildOpenapi } from "./openapi.ts";
import { renderReference, type OpenapiDocument } from "./reference.ts";

const document = JSON.parse(JSON.stringify(buildOpenapi())) as OpenapiDocument;
writeFileSync(new URL("../../../docs/API-REFERENCE.md", import.meta.url), renderReference(document));
