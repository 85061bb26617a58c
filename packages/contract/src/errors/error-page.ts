/** Renders the catalogue as a page to read, docs/ERRORS.md. */
import { API_ERRORS } from "./api-errors.ts";
import type { ErrorEntry } from "./error-entry.ts";
import { PROXY_ERRORS } from "./proxy-errors.ts";

const HEAD = `# Errors

Generated from the catalogue in \`packages/contract/src/errors\` by \`npm run openapi -w @fastvm/contract\`; do not edit.
Which operation answers which codes is in [API-REFERENCE.md](API-REFERENCE.md).

The API, and the proxy for requests to services, answer failures in one shape:

\`\`\`json
{ "error": "The request is not valid: diskGiB must be >= 10", "code": "invalid_request",
  "message": "(the same text)", "hint": "Correct the field that the error names", "retryable": false,
  "field": "diskGiB", "requestId": "8f14e45f-ceea-467f-a8f6-3d2c5a1b9e07" }
\`\`\`

\`error\` and \`message\` are for people, \`code\` for programs, \`field\` is the dotted path of the input at fault. \`requestId\` is
in the header \`x-request-id\` and in the log, too. Every 503 has \`Retry-After: 5\`. A code that is not retryable comes from the API with
\`x-should-retry: false\`, which stops the automatic retries of generated clients. The proxy names its code in
\`x-fastvm-proxy-error\`, too, and repeats the hint as \`suggested_action\`.
`;

export function renderErrorPage(): string {
  return `${HEAD}
## Of the API

${table(API_ERRORS)}

## Of the proxy into services

Besides these: \`invalid_request\` and \`internal\`.

${table(PROXY_ERRORS)}
`;
}

function table(entries: Readonly<Record<string, ErrorEntry>>): string {
  const rows = Object.entries(entries)
    .toSorted(([, one], [, other]) => one.status - other.status)
    .map(
      ([code, { status, when, hint, retryable }]) =>
        `| \`${code}\` | ${status} | ${retryable ? "yes" : ""} | ${when} | ${hint} |`,
    );
  return ["| code | status | retryable | when | what to do |", "|---|---|---|---|---|", ...rows].join("\n");
}
