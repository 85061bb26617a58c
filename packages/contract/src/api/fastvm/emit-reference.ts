/** Writes docs/API-REFERENCE.md from the schemas, and docs/ERRORS.md from the catalogue: `npm run openapi -w @fastvm/contract`. */
import { writeFileSync } from "node:fs";
import { renderErrorPage } from "../../errors/error-page.ts";
import { buildOpenapi } from "./openapi.ts";
import { renderReference, type OpenapiDocument } from "./reference.ts";

const document = JSON.parse(JSON.stringify(buildOpenapi())) as OpenapiDocument;
writeFileSync(new URL("../../../../../docs/API-REFERENCE.md", import.meta.url), renderReference(document));
writeFileSync(new URL("../../../../../docs/ERRORS.md", import.meta.url), renderErrorPage());
