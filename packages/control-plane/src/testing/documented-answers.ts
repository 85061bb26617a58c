/** Checks answers against an API's committed document: status and error code documented, body as its schema says, no field undocumented. */
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { ValidateFunction } from "ajv/dist/2020.js";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

type Api = "fastvm" | "machines" | "sandboxes";

interface AnswerToCheck {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly status: number;
  readonly contentType: string;
  readonly body: unknown;
}

export class DocumentedAnswers {
  static readonly #instances = new Map<Api, DocumentedAnswers>();

  /** One for all applications of a process: reading the document is the larger part of what an application costs a test. */
  static of(api: Api): DocumentedAnswers {
    const known = DocumentedAnswers.#instances.get(api) ?? new DocumentedAnswers(api);
    DocumentedAnswers.#instances.set(api, known);
    return known;
  }

  static get shared(): DocumentedAnswers {
    return DocumentedAnswers.of("fastvm");
  }

  readonly #ajv = new Ajv2020({ strict: false, allErrors: true, formats: { "date-time": isTimestamp } });
  readonly #paths: JsonObject;
  /** Answers that several operations share, by name. */
  readonly #responses: JsonObject;
  /** By where their schema is: compiling one takes a millisecond and more, and ajv keeps whatever it ever compiled. */
  readonly #validators = new Map<string, ValidateFunction>();

  private constructor(api: Api) {
    const url = new URL(`../../../contract/src/api/${api}/openapi.json`, import.meta.url);
    const document = JSON.parse(readFileSync(url, "utf8")) as JsonObject;
    this.#paths = object(document["paths"]);
    this.#responses = object(object(document["components"])["responses"] ?? {});
    this.#ajv.addSchema(object(closeObjects(document)), "openapi");
  }

  /** Every `METHOD /path` of the document. */
  operations(): string[] {
    return Object.entries(this.#paths).flatMap(([path, operations]) =>
      Object.keys(object(operations)).map((method) => `${method.toUpperCase()} ${path}`),
    );
  }

  /** Throws with what is wrong. */
  check(answer: AnswerToCheck): void {
    const template = Object.keys(this.#paths).find((candidate) => matches(candidate, answer.path));
    if (template === undefined) return this.#checkUnknownPath(answer);
    const where = `${answer.method} ${template} ${answer.status}`;
    const operation = object(this.#paths[template])[answer.method.toLowerCase()];
    if (operation === undefined) return this.#checkUnknownPath(answer);
    const documented = object(object(operation)["responses"])[String(answer.status)];
    if (documented === undefined)
      throw new Error(`${where} is not documented: ${JSON.stringify(answer.body)}`);
    const shared = nameOfShared(documented);
    const response = shared === undefined ? documented : object(this.#responses[shared]);
    const type = answer.contentType.split(";", 1)[0] ?? "";
    if (object(object(response)["content"])[type] === undefined) {
      throw new Error(`${where} has the undocumented content type ${type}`);
    }
    checkCode(object(response)["x-error-codes"], answer.body, where);
    const pointer =
      shared === undefined
        ? ["paths", template, answer.method.toLowerCase(), "responses", String(answer.status)]
        : ["components", "responses", shared];
    this.#validate([...pointer, "content", type, "schema"], answer.body, where);
  }

  #checkUnknownPath(answer: AnswerToCheck): void {
    if (answer.status !== 404) throw new Error(`${answer.path} is not documented and not 404`);
    this.#validate(["components", "schemas", "Error"], answer.body, answer.path);
  }

  #validate(pointer: readonly string[], body: unknown, where: string): void {
    const escaped = pointer.map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1"));
    const uri = escaped.map((part) => encodeURIComponent(part)).join("/");
    const validate = this.#validator(`openapi#/${uri}`);
    if (!validate(body)) {
      const findings = this.#ajv.errorsText(validate.errors);
      throw new Error(
        `${where} answers what openapi.json does not say: ${findings}\n${JSON.stringify(body)}`,
      );
    }
  }

  #validator(reference: string): ValidateFunction {
    const known = this.#validators.get(reference);
    if (known !== undefined) return known;
    const made = this.#ajv.compile({ $ref: reference });
    this.#validators.set(reference, made);
    return made;
  }
}

function nameOfShared(response: Json): string | undefined {
  const { $ref: reference } = object(response);
  return typeof reference === "string" ? reference.slice(reference.lastIndexOf("/") + 1) : undefined;
}

function checkCode(documented: Json | undefined, body: unknown, where: string): void {
  if (!Array.isArray(documented)) return;
  const code: unknown = typeof body === "object" && body !== null && "code" in body ? body.code : undefined;
  if (!documented.some((known) => known === code)) {
    throw new Error(`${where} has the undocumented code ${String(code)}: ${JSON.stringify(body)}`);
  }
}

function matches(template: string, path: string): boolean {
  const pattern = template.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+");
  return new RegExp(`^${pattern}$`).test(path);
}

/** In the document objects are open, since clients must bear new fields; here a field nobody documented is a mistake. */
function closeObjects(node: Json): Json {
  if (Array.isArray(node)) return node.map((item) => closeObjects(item));
  if (typeof node !== "object" || node === null) return node;
  const copy: JsonObject = {};
  for (const [key, value] of Object.entries(node)) copy[key] = closeObjects(value);
  const isRecord = copy["type"] === "object" && copy["properties"] !== undefined;
  if (isRecord && copy["additionalProperties"] === undefined) copy["additionalProperties"] = false;
  return copy;
}

function object(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

function isTimestamp(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(text);
}
