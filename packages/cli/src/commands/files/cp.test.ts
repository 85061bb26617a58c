/** Files and folders both ways. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { CliHome, envFor } from "../../testing/run-cli.ts";
import type { CliResult } from "../../testing/run-cli.ts";
import { FakeApi } from "../../testing/fake-api.ts";

// Each test starts the program several times, beside whatever else the machine is busy with.
vi.setConfig({ testTimeout: 120_000 });

const home = new CliHome();
afterAll(() => home[Symbol.dispose]());

function run(api: FakeApi, args: readonly string[], input?: string | Buffer): Promise<CliResult> {
  return home.run(args, envFor(api), input);
}

describe("cp", () => {
  it("copies files and folders both ways, and keeps the name where the target is a folder", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const here = join(home.folder, "here");
    const there = join(home.folder, "there");
    mkdirSync(join(here, "src/deep"), { recursive: true });
    mkdirSync(there);
    writeFileSync(join(here, "src/deep/a.txt"), "hello");
    expect(await run(api, ["cp", join(here, "src"), `dev:${there}/src`])).toMatchObject({
      exitCode: 0,
      stderr: "",
    });
    expect(readFileSync(join(there, "src/deep/a.txt"), "utf8")).toBe("hello");
    await run(api, ["cp", join(here, "src/deep/a.txt"), `dev:${there}/`]);
    expect((await run(api, ["cp", join(here, "src/deep/a.txt"), `dev:${there}/src`])).stdout).toBe(
      `dev:${there}/src/a.txt\n`,
    );
    await run(api, ["cp", `dev:${there}/a.txt`, here]);
    expect(readFileSync(join(here, "a.txt"), "utf8")).toBe("hello");
    const copied = await run(api, ["cp", "--json", `dev:${there}/src`, join(here, "back")]);
    expect(JSON.parse(copied.stdout)).toEqual({ source: `dev:${there}/src`, target: join(here, "back") });
    expect(readFileSync(join(here, "back/deep/a.txt"), "utf8")).toBe("hello");
  });

  it("takes a file or an archive from a pipe, and gives either to one", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const folder = join(home.folder, "piped");
    mkdirSync(join(folder, "deep"), { recursive: true });
    const bytes = Buffer.from([0, 255, 10, 13, 128]);
    expect(await run(api, ["cp", "-", `dev:${folder}/deep/file`], bytes)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(join(folder, "deep/file"))).toEqual(bytes);
    expect((await run(api, ["cp", `dev:${folder}/deep/file`, "-"])).stdoutBytes).toEqual(bytes);
    const archive = (await run(api, ["cp", `dev:${folder}`, "-"])).stdoutBytes;
    expect(await run(api, ["cp", "-", `dev:${home.folder}/again/`], archive)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(join(home.folder, "again/piped/deep/file"))).toEqual(bytes);
    const refused = await run(api, ["cp", "-", `dev:${home.folder}/again/`], "no archive");
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("could not be unpacked") });
  });

  it("explains what it cannot do", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    expect((await run(api, ["cp", "a", "b"])).stderr).toMatch(
      /^Error: One of the two must be in a VM\nHint: /,
    );
    expect((await run(api, ["cp", "dev:/nope/nope", "."])).stderr).toBe(
      "Error: There is no /nope/nope in the VM\nHint: See what there is with: fastvm exec VM ls FOLDER\n",
    );
    expect((await run(api, ["cp", "dev:relative", "."])).stderr).toContain("absolute path");
  });
});
