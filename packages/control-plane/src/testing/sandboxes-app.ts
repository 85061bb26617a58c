/** The test application as clients of sandboxes see it; every answer is checked against the document of that API. */
import type { FastifyInstance } from "fastify";
import { createKey, hashApiKey } from "../engine/keys/api-keys.ts";
import { DocumentedAnswers } from "./documented-answers.ts";
import { OTHER_KEY, testApp, type TestAnswer, type TestApp, type TestAppOptions } from "./test-app.ts";

export interface SandboxesApp extends AsyncDisposable {
  /** The same as FastVM's clients see it. */
  readonly fastvm: TestApp;
  /** Of the first organisation and of the other. */
  readonly key: string;
  readonly otherKey: string;
  call(route: string, body?: unknown, options?: SandboxesCallOptions): Promise<TestAnswer>;
  /** The answer's body; throws when it is none of success. */
  ok(route: string, body?: unknown, options?: SandboxesCallOptions): Promise<TestAnswer["body"]>;
}

interface SandboxesCallOptions {
  /** `null`: without one. */
  readonly key?: string | null;
  readonly headers?: Record<string, string>;
  /** Sent as it is, instead of a JSON body. */
  readonly payload?: string | Buffer;
}

export async function sandboxesApp(options: TestAppOptions = {}): Promise<SandboxesApp> {
  const fastvm = await testApp(options);
  const other = await fastvm.store.apiKeys.findByHash(hashApiKey(OTHER_KEY));
  if (other === undefined) throw new Error("there is no other organisation");
  const clock = { now: () => 0 };
  const { key } = await createKey(fastvm.store, fastvm.orgId, { api: "microsandbox" }, clock);
  const { key: otherKey } = await createKey(fastvm.store, other.orgId, { api: "microsandbox" }, clock);
  const call: SandboxesApp["call"] = (route, body, { key: given = key, headers = {}, payload } = {}) =>
    ask(fastvm.app, route, payload ?? (body === undefined ? undefined : JSON.stringify(body)), {
      ...(given === null ? {} : { authorization: `Bearer ${given}` }),
      ...headers,
    });
  return {
    fastvm,
    key,
    otherKey,
    call,
    ok: async (route, body, callOptions) => {
      const answer = await call(route, body, callOptions);
      if (answer.status >= 300) throw new Error(`${route}: ${answer.status} ${answer.text}`);
      return answer.body;
    },
    [Symbol.asyncDispose]: () => fastvm[Symbol.asyncDispose](),
  };
}

async function ask(
  app: FastifyInstance,
  route: string,
  payload: string | Buffer | undefined,
  headers: Record<string, string>,
): Promise<TestAnswer> {
  const [method = "", url = ""] = route.split(" ", 2);
  const response = await app.inject({
    method,
    url,
    headers: { ...headers, ...(payload === undefined ? {} : { "content-type": "application/json" }) },
    ...(payload === undefined ? {} : { payload }),
  });
  const contentType = String(response.headers["content-type"]);
  const text = response.payload;
  const isJson = contentType.startsWith("application/json");
  const parsed: unknown = isJson ? JSON.parse(text) : text;
  const path = (url.split("?", 1)[0] ?? "").replace(/^\/microsandbox(?=\/)/, "");
  if (isJson) {
    const answer = { method, path, status: response.statusCode, contentType, body: parsed };
    DocumentedAnswers.of("sandboxes").check(answer);
  }
  return { status: response.statusCode, headers: response.headers, text, body: parsed };
}
