/** Clients that others generate from openapi.json: they compile under strict rules, know what is wrong, and work over a socket. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createApiServer } from "../http/api-server.ts";
import { TEST_KEY, testApp } from "./test-app.ts";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const DOCUMENT = join(ROOT, "packages/contract/src/api/fastvm/openapi.json");
/** The generators need the compiler's API, which is that of the TypeScript installed for this package. */
const GENERATORS = join(ROOT, "packages/control-plane/node_modules/.bin");
/** Each loads a compiler on a machine that may be busy with VMs. */
const TIMEOUT_MS = 120_000;

/**
 * Every `@ts-expect-error` is a mistake that the document's types must show: without an error there, tsc refuses the
 * file. Set in, so that nobody takes what they export for an export of ours.
 */
const WITH_OPENAPI_FETCH = `
  import createClient from "openapi-fetch";
  import type { components, paths } from "./schema";

  export async function run(baseUrl: string, key: string) {
    const client = createClient<paths>({ baseUrl, headers: { "X-API-Key": key } });
    const egress = { mode: "custom" as const, allow_cidrs: ["198.51.100.0/24"] };
    const vm = await client.POST("/v1/vms", { body: { machineType: "c1m2", firewall: { egress } } });
    if (vm.data === undefined) throw new Error(vm.error.message);
    const params = { path: { vmId: vm.data.id } };
    const done = await client.POST("/v1/vms/{vmId}/exec", { params, body: { command: ["true"] } });
    const missing = await client.GET("/v1/vms/{vmId}", { params: { path: { vmId: "none" } } });
    const code: components["schemas"]["ErrorCode"] | undefined = missing.error?.code;
    const id = missing.response.headers.get("x-request-id");
    return { status: vm.data.status, done: done.data, code, isNamed: id === missing.error?.requestId };
  }

  export function mistakes(client: ReturnType<typeof createClient<paths>>, error: components["schemas"]["Error"]) {
    // @ts-expect-error -- a launch needs a body
    void client.POST("/v1/vms", {});
    // @ts-expect-error -- a firewall has no such action
    void client.POST("/v1/vms", { body: { firewall: { ingress: { default: "maybe" } } } });
    // @ts-expect-error -- there is no such code
    return error.code === "no_such_code";
  }
`;

const WITH_HEY_API = `
  import { execInVm, getVm, launchVm, type ErrorCode } from "./hey";
  import { createClient } from "./hey/client";

  export async function run(baseUrl: string, key: string) {
    const client = createClient({ baseUrl, auth: (scheme) => (scheme.type === "apiKey" ? key : undefined) });
    const firewall = { egress: { mode: "custom" as const, allow_cidrs: ["198.51.100.0/24"] } };
    const vm = await launchVm({ client, body: { machineType: "c1m2", firewall } });
    if (vm.data === undefined) throw new Error(vm.error.message);
    const done = await execInVm({ client, path: { vmId: vm.data.id }, body: { command: ["true"] } });
    const missing = await getVm({ client, path: { vmId: "none" } });
    const code: ErrorCode | undefined = missing.error?.code;
    const id = missing.response?.headers.get("x-request-id");
    return { status: vm.data.status, done: done.data, code, isNamed: id === missing.error?.requestId };
  }

  export function mistakes(code: ErrorCode) {
    // @ts-expect-error -- a launch needs a body
    void launchVm({});
    // @ts-expect-error -- a firewall has no such action
    void launchVm({ body: { firewall: { ingress: { default: "maybe" } } } });
    // @ts-expect-error -- there is no such code
    return code === "no_such_code";
  }
`;

interface Program {
  run(baseUrl: string, key: string): Promise<unknown>;
}

let folder: string;

beforeAll(() => {
  // Inside the repository, so that what the clients import is found.
  mkdirSync(join(ROOT, ".fastvm"), { recursive: true });
  folder = mkdtempSync(join(ROOT, ".fastvm", "generated-clients-"));
  const generate = (generator: string, ...args: readonly string[]) =>
    execFileSync(join(GENERATORS, generator), args, { cwd: folder, stdio: "pipe", timeout: TIMEOUT_MS });
  generate("openapi-typescript", DOCUMENT, "--output", "schema.ts");
  generate("openapi-ts", "--input", DOCUMENT, "--output", "hey", "--no-log-file");
  writeFileSync(join(folder, "with-openapi-fetch.ts"), WITH_OPENAPI_FETCH);
  writeFileSync(join(folder, "with-hey-api.ts"), WITH_HEY_API);
}, 2 * TIMEOUT_MS);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test(
  "they compile",
  () => {
    const compilerOptions = {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      target: "es2024",
      lib: ["es2024", "dom", "dom.iterable"],
      module: "esnext",
      moduleResolution: "bundler",
      types: [],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["."] }));
    const tsc = join(ROOT, "node_modules/.bin/tsc");
    const output = (() => {
      try {
        return execFileSync(tsc, ["-p", folder], { encoding: "utf8", timeout: TIMEOUT_MS });
      } catch (error) {
        return error instanceof Error && "stdout" in error ? String(error.stdout) : String(error);
      }
    })();
    expect(output).toBe("");
  },
  TIMEOUT_MS,
);

test.each(["with-openapi-fetch.ts", "with-hey-api.ts"])(
  "%s launches, runs a command, and reads an error",
  async (name) => {
    await using api = await testApp({ serverFactory: createApiServer().serverFactory });
    const url = await api.app.listen({ host: "127.0.0.1", port: 0 });
    const program = (await import(pathToFileURL(join(folder, name)).href)) as Program;
    expect(await program.run(url, TEST_KEY)).toMatchObject({
      status: "running",
      done: { exitCode: 0, timedOut: false },
      code: "not_found",
      isNamed: true,
    });
  },
);
