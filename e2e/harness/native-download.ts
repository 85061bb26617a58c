/**
 * Debian packages for a guest, found and downloaded by the host's apt: an emulated one is at Debian's whole index for half a minute.
 * The guest's own apt and dpkg install them, with all their scripts. `containers.test.ts` asks Debian's archive from inside.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { FastvmClient, Vm } from "fastvm";
import { APT_INSTALL } from "./apt.ts";
import { sh } from "./keeper.ts";

const IN_GUEST = "/root/packages";
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2;

/** With what they need beyond what the guest has. Neither apt takes longer than `timeoutMs`. */
export async function installDownloaded(
  client: FastvmClient,
  vm: Vm,
  packages: readonly string[],
  timeoutMs: number,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-packages-"));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const archives = join(folder, "archives");
  for (const path of ["lists/partial", "archives/partial"])
    await mkdir(join(folder, path), { recursive: true });
  await client.download(vm, "/var/lib/dpkg/status", join(folder, "status"));
  await client.download(vm, "/etc/apt/sources.list", join(folder, "sources.list"));
  // The lists and the state are the guest's; the host's proxies and keys serve, as when the image was made.
  const settings = {
    "APT::Architecture": "amd64",
    "APT::Sandbox::User": "root",
    "Acquire::Languages": "none",
    "Acquire::Retries": "3",
    "Dir::Etc::sourcelist": join(folder, "sources.list"),
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::State": folder,
    "Dir::State::status": join(folder, "status"),
    "Dir::Cache": folder,
    "Dir::Cache::archives": archives,
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const apt = (...words: readonly string[]) =>
    promisify(execFile)("apt-get", ["-q", ...options, ...words], {
      maxBuffer: MAX_OUTPUT_BYTES,
      timeout: timeoutMs,
    });
  await apt("update");
  await apt("install", "--yes", "--no-install-recommends", "--download-only", ...packages);
  await rm(join(archives, "partial"), { recursive: true });
  await client.upload(vm, archives, IN_GUEST);
  await sh(client, vm, `${APT_INSTALL} ${IN_GUEST}/*.deb`, { timeoutMs });
  await sh(client, vm, `rm -r ${IN_GUEST}`);
}
