/** Writes openapi.json from the schemas: `npm run openapi -w @fastvm/contract`. */
import { writeFileSync } from "node:fs";
import { buildSandboxesOpenapi } from "./openapi.ts";

writeFileSync(
  new URL("./openapi.json", import.meta.url),
  `${JSON.stringify(buildSandboxesOpenapi(), undefined, 2)}\n`,
);
