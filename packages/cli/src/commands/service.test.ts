/** Services of a VM at the command line. */
import { afterAll, describe, expect, it, vi } from "vitest";
import { CliHome, envFor } from "../testing/run-cli.ts";
import type { CliResult } from "../testing/run-cli.ts";
import { FakeApi } from "../testing/fake-api.ts";

// Each test starts the program several times, beside whatever else the machine is busy with.
vi.setConfig({ testTimeout: 120_000 });

const home = new CliHome();
afterAll(() => home[Symbol.dispose]());

const ID = "0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001";

function run(api: FakeApi, args: readonly string[], input?: string | Buffer): Promise<CliResult> {
  return home.run(args, envFor(api), input);
}

describe("services", () => {
  it("are added, listed with their URLs, and removed", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "dev" });
    const added = await run(api, ["service", "add", "dev", "web", "8080"]);
    expect(added.stdout).toMatch(/web +8080 +HTTP\/1.1 +http:\/\/web--1\.proxy\.localhost\//);
    const grpc = await run(api, ["service", "add", "dev", "web", "9090", "--h2c", "--json"]);
    expect(JSON.parse(grpc.stdout)).toMatchObject({ port: 9090, h2c: true });
    expect((await run(api, ["service", "ls", "dev"])).stdout).toMatch(/web +9090 +HTTP\/2/);
    expect((await run(api, ["service", "rm", "dev", "web"])).stdout).toBe("web\n");
    expect(api.calls.at(-1)).toBe(`DELETE /v1/vms/${ID}/services/web`);
    const wrong = await run(api, ["service", "add", "dev", "web", "http"]);
    expect([wrong.exitCode, wrong.stderr]).toEqual([1, expect.stringContaining('"http" is not a port')]);
  });
});
