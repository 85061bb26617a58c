/**
 * Docker in a fresh VM of the base image, installed and used by the commands of its own documents. Its packages come from the archive
 * that the image names; its images are made here. Software emulation runs all of it, which takes minutes.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { APT_INSTALL, APT_UPDATE } from "../harness/apt.ts";
import { CONTAINER_INPUT } from "../harness/container-input.ts";
import { freshVm } from "../harness/fresh-vm.ts";

const INSTALL_DEADLINE_MS = 900_000;
const DEADLINE_MS = 300_000;

describe("in a fresh VM of the base image", () => {
  const fresh = freshVm("c2m4", "containers");

  beforeAll(async () => {
    await fresh.sh(APT_UPDATE);
    for (const command of CONTAINER_INPUT) await fresh.sh(command);
  }, DEADLINE_MS);

  /** What a command printed last. */
  async function lastLine(command: string): Promise<string> {
    return (await fresh.sh(command, { timeoutMs: INSTALL_DEADLINE_MS })).split("\n").at(-1) ?? "";
  }

  test("docker.io is installed, runs and builds", { timeout: INSTALL_DEADLINE_MS }, async () => {
    // Of what goes well with it the parser of profiles, which it confines containers with.
    await fresh.sh(`${APT_INSTALL} docker.io apparmor`, { timeoutMs: INSTALL_DEADLINE_MS });
    await fresh.sh("docker import /root/root.tar tiny");
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
    await fresh.sh("docker run -di --name kept -v /root:/host tiny cat");
    expect(await lastLine("docker exec kept ls /host/build; docker rm -f kept > /dev/null")).toBe(
      "Dockerfile",
    );
    expect(await fresh.sh("systemctl is-active docker containerd")).toBe("active\nactive");
  });
});
