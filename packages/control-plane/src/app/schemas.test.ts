/** Schemas are compiled when the first request comes that they check; what does not compile is found here, and not by a client. */
import type { TSchema } from "typebox";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type * as Validation from "../api/shared/validation.ts";
import { testApp, type TestApp } from "../testing/test-app.ts";

interface Asked {
  readonly where: string;
  readonly compile: () => unknown;
}

const { parts, values } = vi.hoisted(() => ({ parts: [] as Asked[], values: [] as Asked[] }));

// As it is, and remembered: all that any module and any route asks for.
vi.mock("../api/shared/validation.ts", async (load) => {
  const real = await load<typeof Validation>();
  return {
    ...real,
    compileValidator: ((route) => {
      const check = real.compileValidator(route);
      parts.push({ where: `${route.httpPart} of ${route.method} ${route.url}`, compile: () => check({}) });
      return check;
    }) satisfies typeof real.compileValidator,
    checkerOf: (schema: TSchema) => {
      const check = real.checkerOf(schema);
      values.push({ where: JSON.stringify(schema).slice(0, 200), compile: () => refusalOf(check) });
      return check;
    },
  };
});

let api: TestApp;
const operators: PromiseLike<unknown>[] = [];

beforeAll(async () => {
  api = await testApp({ useOperator: (operator) => void operators.push(operator.ready()) });
  await api.app.ready();
  await Promise.all(operators);
});
afterAll(() => api[Symbol.asyncDispose]());

/** What it says of a value that it does not take is no failure of its own. */
function refusalOf(check: (value: unknown, prefix: string) => unknown): unknown {
  try {
    return check({}, "");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "invalid_request") return error;
    throw error;
  }
}

test.each([
  ["parts of requests", parts, 100],
  ["values by themselves", values, 10],
])("the schemas of %s compile", (_, asked, least) => {
  const failures = asked.flatMap(({ where, compile }) => {
    try {
      compile();
      return [];
    } catch (error) {
      return [`${where}: ${String(error)}`];
    }
  });
  expect(failures).toEqual([]);
  // Of all three APIs; else nothing was tried.
  expect(asked.length).toBeGreaterThan(least);
});

test("those of all three APIs and of the operator's are among them", () => {
  for (const path of ["/v1/vms", "/v1/machines", "/v1/sandboxes", "/organisations"])
    expect(parts.map(({ where }) => where)).toContainEqual(expect.stringMatching(` ${path}$`));
  for (const part of ["body", "querystring"])
    expect(
      parts.some(({ where }) => where.startsWith(part)),
      part,
    ).toBe(true);
});
