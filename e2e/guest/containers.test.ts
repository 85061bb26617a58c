/**
 * Container engines in a fresh VM of the base image, installed and used by the commands of their own documents. Their packages
 * come from the archive that the image names; their images are made here. Software emulation runs all of it, which takes minutes.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { sh } from "../harness/guest.ts";

const INSTALL_DEADLINE_MS = 900_000;
const DEADLINE_MS = 300_000;

/** A root file system of a shell and two tools, with the libraries they need, as an archive. */
const MAKE_ROOT =
  "mkdir -p /root/image/bin /root/image/lib64 && cd /root/image && cp /bin/bash /bin/cat /bin/ls bin/ && ln -s bash bin/sh && " +
  "cp -L /lib64/ld-linux-x86-64.so.2 lib64/ && " +
  "for library in $(ldd /bin/bash /bin/ls | grep -o '/lib/[^ ]*' | sort -u); do cp -L --parents $library .; done && " +
  "tar -cf /root/root.tar .";

const BUILD_FILE = 'FROM tiny\nRUN echo built > /built\nCMD ["cat", "/built"]\n';

describe("in a fresh VM of the base image", () => {
  let daemon: TestDaemon;
  let client: FastvmClient;
  let vm: Vm;

  beforeAll(async () => {
    daemon = await TestDaemon.start();
    client = daemon.client;
    vm = await client.vms.launch({ machineType: "c2m4", name: "containers" });
    await sh(client, vm, "apt-get update");
    await sh(client, vm, MAKE_ROOT);
    await sh(
      client,
      vm,
      `mkdir -p /root/build && cd /root/build && cat > Dockerfile <<'END'\n${BUILD_FILE}END`,
    );
  }, DEADLINE_MS);

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  /** What a command printed last. */
  async function lastLine(command: string): Promise<string> {
    return (await sh(client, vm, command, { timeoutMs: INSTALL_DEADLINE_MS })).split("\n").at(-1) ?? "";
  }

  test("docker.io is installed, runs and builds", { timeout: INSTALL_DEADLINE_MS }, async () => {
    await sh(client, vm, "apt-get install -y docker.io", { timeoutMs: INSTALL_DEADLINE_MS });
    await sh(client, vm, "docker import /root/root.tar tiny");
    // Confined as Docker means it: without the parser of profiles it would refuse to start at all.
    expect(await lastLine("docker run --rm tiny cat /proc/self/attr/current")).toBe(
      "docker-default (enforce)",
    );
    expect(await lastLine("cd /root/build && docker build -q -t built . && docker run --rm built")).toBe(
      "built",
    );
    expect(
      await lastLine("docker run --rm -m 64m --cpus 0.5 --pids-limit 20 tiny sh -c 'echo $((6 * 7))'"),
    ).toBe("42");
    await sh(client, vm, "docker run -di --name kept -v /root:/host tiny cat");
    expect(await lastLine("docker exec kept ls /host/build; docker rm -f kept > /dev/null")).toBe(
      "Dockerfile",
    );
    expect(await sh(client, vm, "systemctl is-active docker containerd")).toBe("active\nactive");
  });

  test("podman and buildah are installed, run and build", { timeout: INSTALL_DEADLINE_MS }, async () => {
    await sh(client, vm, "apt-get install -y podman buildah", { timeoutMs: INSTALL_DEADLINE_MS });
    await sh(client, vm, "podman import -q /root/root.tar tiny");
    expect(await lastLine("podman run --rm tiny cat /proc/self/uid_map")).toMatch(/^\s*0\s+0\s+4294967295$/);
    expect(await lastLine("cd /root/build && podman build -q -t built . && podman run --rm built")).toBe(
      "built",
    );
    expect(await lastLine("cd /root/build && buildah bud -q -t again . && podman run --rm again")).toBe(
      "built",
    );
  });
});
