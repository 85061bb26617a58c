/** What a folder is goes up and comes back equal: compared by what lstat, attributes, holes and content tell on each side. */
import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Vm } from "fastvm";
import { LIST_MANIFEST, makeEveryKind, manifestOf } from "../../packages/sdk/src/testing/folder-manifest.ts";
import type { Fact } from "../../packages/sdk/src/testing/folder-manifest.ts";
import { runCli } from "../harness/cli.ts";
import { SharedDaemon } from "../harness/shared-daemon.ts";
import { sh } from "../harness/guest.ts";

const GIB = 2 ** 30;

describe("a folder with every kind of file and name", () => {
  let daemon: SharedDaemon;
  let vm: Vm;
  let folder: string;
  let kinds: string;
  let made: readonly Fact[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fastvm-equal-"));
    kinds = join(folder, "kinds");
    await makeEveryKind(kinds);
    made = await manifestOf(kinds);
    daemon = await SharedDaemon.join();
    vm = await daemon.client.vms.launch({ machineType: "c1m2" });
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await daemon[Symbol.asyncDispose]();
  });

  async function manifestInVm(path: string): Promise<readonly Fact[]> {
    const { stdout, stderr } = await daemon.client.vms.run(vm, ["python3", "-c", LIST_MANIFEST, path]);
    expect(stderr).toBe("");
    return JSON.parse(stdout) as Fact[];
  }

  async function cp(source: string, target: string): Promise<void> {
    const { exitCode, stderr } = await runCli(["cp", source, target], daemon.environment);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  }

  test("is the same there and back by the SDK", async () => {
    await daemon.client.upload(vm, kinds, "/root/by sdk");
    expect(await manifestInVm("/root/by sdk")).toEqual(made);
    await daemon.client.download(vm, "/root/by sdk", join(folder, "by sdk"));
    expect(await manifestOf(join(folder, "by sdk"))).toEqual(made);
  });

  test("is the same there and back by the command line", async () => {
    await cp(kinds, `${vm.id}:/root/by cli`);
    expect(await manifestInVm("/root/by cli")).toEqual(made);
    await cp(`${vm.id}:/root/by cli`, join(folder, "by cli"));
    expect(await manifestOf(join(folder, "by cli"))).toEqual(made);
  });

  test("is by the commands of published clients what a plain tar keeps", async () => {
    const staging = await daemon.client.vms.files.presign(vm, { path: "x" });
    const options = ["-cz", "--exclude=*hole*", "-C", kinds, "."];
    const { stdout: archive } = await promisify(execFile)("tar", options, { encoding: "buffer" });
    await fetch(staging.uploadUrl, { method: "PUT", body: new Uint8Array(archive) });
    const path = "/var/tmp/fastvm-upload-1.tar.gz";
    await daemon.client.vms.files.fetch(vm, { url: staging.downloadUrl, path });
    await sh(daemon.client, vm, `mkdir -p '/root/plain' && tar -xzf '${path}' -C '/root/plain'`);
    expect((await manifestInVm("/root/plain")).map(plain)).toEqual(
      made.filter((fact) => !fact.path.includes("hole")).map(plain),
    );
  });

  test("holds files that keep mode, time and holes also when they are copied by themselves", async () => {
    const sparse = join(folder, "sparse");
    await writeFile(sparse, "begins");
    await truncate(sparse, GIB);
    await chmod(sparse, 0o750);
    await utimes(sparse, "1712345678.25", "1712345678.25");
    const facts = {
      mode: 0o100750,
      mtimeMs: 1_712_345_678_250,
      size: GIB,
      blocks: (await stat(sparse)).blocks,
    };
    await cp(sparse, `${vm.id}:/root/`);
    expect(await sh(daemon.client, vm, "stat -c '%f %.3Y %s %b' /root/sparse")).toBe(
      `81e8 1712345678.250 ${GIB} ${facts.blocks}`,
    );
    await cp(`${vm.id}:/root/sparse`, join(folder, "sparse back"));
    expect(await stat(join(folder, "sparse back"))).toMatchObject(facts);
    const script = join(folder, "run.sh");
    await writeFile(script, "#!/bin/sh\necho ran\n", { mode: 0o700 });
    await utimes(script, "1612345678.5", "1612345678.5");
    await cp(script, `${vm.id}:/root/run.sh`);
    expect(await sh(daemon.client, vm, "./run.sh; stat -c '%a %.1Y' run.sh; ls -A | grep fastvm- || :")).toBe(
      "ran\n700 1612345678.5",
    );
    await cp(`${vm.id}:/root/run.sh`, join(folder, "run back"));
    expect(await stat(join(folder, "run back"))).toMatchObject({
      mode: 0o100700,
      mtimeMs: 1_612_345_678_500,
    });
  });
});

/** Without what the format of a plain tar has no place for: attributes, holes, parts of seconds. */
function plain({ attributes: _attributes, data, time, ...fact }: Fact): object {
  return { ...fact, hash: data?.[0], seconds: time.slice(0, -9) };
}
