/** Builds at the command line, against the real control plane; only what builds is fake. */
import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createControlPlane, FakeWorker } from "@fastvm/control-plane";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { CliHome, resultOf } from "../../testing/run-cli.ts";
import type { CliResult } from "../../testing/run-cli.ts";

// Each test starts the program several times, beside whatever else the machine is busy with.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const home = new CliHome();
const folder = join(home.folder, "app");
const worker = new FakeWorker();
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const plane = await createControlPlane({
  worker,
  log: silent,
  store: { kind: "sqlite", path: ":memory:" },
  stagingFolder: join(home.folder, "staging"),
  config: { connectionGraceMs: 50 },
});
const { dockerfile: succeed } = worker.builds;
let env: Record<string, string>;

beforeAll(async () => {
  env = {
    FASTVM_API_KEY: await plane.ensureKey(),
    FASTVM_BASE_URL: await plane.listen({ host: "127.0.0.1", port: 0 }),
    TOKEN: "from the environment",
  };
  await mkdir(join(folder, "docker"), { recursive: true });
  await writeFile(join(folder, "Dockerfile"), "FROM debian\n");
  await writeFile(join(folder, "docker/other"), "FROM other\n");
  await writeFile(join(folder, ".dockerignore"), "*.secret\n");
  await writeFile(join(folder, "key.secret"), "from a file");
});

afterAll(async () => {
  await plane.close();
  home[Symbol.dispose]();
});

const run = (...args: readonly string[]): Promise<CliResult> => home.run(args, env);

it("sends the folder, shows what is printed, and ends with the snapshot", async () => {
  let sent = "";
  worker.builds.dockerfile = async (order, log, signal) => {
    sent = execFileSync("tar", ["-tzf", order.context?.path ?? ""], { encoding: "utf8" });
    log("STEP 1/1: \u001b[31mFROM debian");
    return succeed(order, log, signal);
  };
  const secrets = ["--secret", `id=file,src=${join(folder, "key.secret")}`, "--secret", "id=token,env=TOKEN"];
  const { exitCode, stdout, stderr } = await run(
    ...[
      "build",
      folder,
      "-t",
      "app",
      "--build-arg",
      "A=1",
      "--build-arg",
      "B=2",
      "--target",
      "run",
      "--no-cache",
    ],
    ...secrets,
  );
  expect(exitCode, stderr).toBe(0);
  expect(stderr).toContain("==> buildah bud\nSTEP 1/1: ?[31mFROM debian\n");
  expect(stdout).toMatch(
    /^ID +NAME +STATUS +SNAPSHOT +CREATED +TOOK\n[0-9a-f]{8} +app +completed +[0-9a-f]{8} /,
  );
  expect(sent).not.toContain("secret");
  expect(worker.builds.orders.at(-1)).toMatchObject({
    dockerfile: { text: "FROM debian\n" },
    args: { A: "1", B: "2" },
    secrets: { file: "from a file", token: "from the environment" },
    target: "run",
    noCache: true,
  });
});

it("takes a Dockerfile of the folder, of another place, and of stdin", async () => {
  worker.builds.dockerfile = succeed;
  const texts = async (...args: readonly string[]) => {
    expect((await home.run(["build", ...args, "-q"], env, "FROM stdin\n")).exitCode).toBe(0);
    return worker.builds.orders.at(-1);
  };
  expect(await texts(folder, "-f", join(folder, "docker/other"))).toMatchObject({
    dockerfile: { text: "FROM other\n" },
  });
  expect(await texts(folder, "-f", "-")).toMatchObject({ dockerfile: { text: "FROM stdin\n" } });
  const alone = await texts("-f", join(folder, "docker/other"));
  expect(alone).toMatchObject({ dockerfile: { text: "FROM other\n" } });
  expect(alone?.context).toBeUndefined();
});

it("fails with the last lines, and the build is there to look at", async () => {
  worker.builds.dockerfile = async (_order, log) => {
    log("make: no rule");
    return { status: "failed", fault: "order", error: "make: no rule" };
  };
  const failed = await run("build", folder, "-t", "broken");
  expect(failed.exitCode).toBe(1);
  expect(failed.stderr).toMatch(/Error: The build [0-9a-f-]{36} failed: make: no rule/);
  expect((await run("build", "logs", "broken")).stdout).toBe("make: no rule\n");
  expect((await run("build", "logs", "broken", "--follow")).exitCode).toBe(1);
  expect((await run("build", "get", "broken")).stdout).toMatch(/status +failed\n[^]*error +make: no rule/);
  const [id = ""] = (await run("build", "ls", "-q")).stdout.split("\n");
  expect(JSON.parse((await run("build", "get", id, "--json")).stdout)).toMatchObject({ tag: "broken" });
  expect((await run("build", "rm", "-y", id)).stdout).toBe(`${id}\n`);
  expect((await run("build", "get", id)).exitCode).toBe(1);
});

it("is cancelled by Ctrl-C, and by name", async () => {
  worker.builds.dockerfile = (_order, log, signal) => {
    log("begun");
    return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  const child = home.spawn(["build", folder, "-t", "long"], env);
  child.stdin?.end();
  const begun = new Promise<void>((resolve) => {
    child.stderr?.on("data", (chunk: Buffer) => chunk.includes("begun") && resolve());
  });
  const ended = resultOf(child);
  await begun;
  child.kill("SIGINT");
  expect((await ended).exitCode).toBe(130);
  expect((await run("build", "get", "long")).stdout).toContain("It was cancelled");
  expect((await run("build", "cancel", "long")).stdout).toContain("failed");
});

it.each([
  [["build"], "Nothing says what to build"],
  [["build", "/nowhere"], "There is no Dockerfile /nowhere/Dockerfile"],
  [["build", ".", "--image", "debian"], "An image is built already"],
  [["build", ".", "--secret", "id=x"], "cannot be read"],
  [["build", ".", "--secret", "id=x,env=NO_SUCH_VARIABLE"], "There is no NO_SUCH_VARIABLE"],
])("says what is wrong with %j", async (args, message) => {
  const { exitCode, stderr } = await run(...args);
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining(message)]);
});
