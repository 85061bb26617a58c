/** `fastvm cp - VM:/path` and `fastvm cp VM:/path -`: a file is its bytes, a folder a tar archive, as docker has those. */
import { randomUUID } from "node:crypto";
import { posix } from "node:path";
import { writeBytes } from "../../output/print.ts";
import type { Session } from "../../session.ts";
import { UserError } from "../../user-error.ts";

/** Where an archive waits until it is whole: one that breaks off on its way leaves nothing. */
const WAITING_ROOM = "/var/tmp";

/** Reads stdin to its end. Into a folder that exists, or a path that ends in a slash, it is unpacked. */
export async function copyFromStdin(
  { client, signal }: Session,
  vmId: string,
  path: string,
  isFolder: boolean,
): Promise<void> {
  if (process.stdin.isTTY)
    throw new UserError("There is nothing on standard input", "Pipe a file or a tar archive into it");
  const input: AsyncIterable<Uint8Array> = process.stdin;
  if (!isFolder) {
    await client.vms.files.write(vmId, path, input, { signal });
    return;
  }
  const archive = `${WAITING_ROOM}/fastvm-cp-${randomUUID()}.tar`;
  await client.vms.files.write(vmId, archive, input, { signal });
  const script = 'mkdir -p -- "$2" && tar -xf "$1" -C "$2"; code=$?; rm -f -- "$1"; exit $code';
  const result = await client.vms.run(vmId, ["sh", "-c", script, "sh", archive, path], { signal });
  if (result.exitCode !== 0)
    throw new UserError(
      `The archive could not be unpacked: ${result.stderr.trim()}`,
      "For a single file give its own path in the VM, such as VM:/root/file",
    );
}

/** Bytes go out as they come. */
export async function copyToStdout(
  { client, signal }: Session,
  vmId: string,
  path: string,
  isFolder: boolean,
): Promise<void> {
  if (!isFolder) {
    const content = await client.vms.files.read(vmId, path, { format: "stream", signal });
    for await (const chunk of content) await writeBytes(process.stdout, chunk);
    return;
  }
  const tar = ["tar", "-cf", "-", "-C", posix.dirname(path), "--", posix.basename(path) || "."];
  for await (const event of client.vms.stream(vmId, tar, { signal })) {
    if (event.type === "exit") {
      if (event.exitCode === 0) return;
      throw new UserError(`The VM's tar ended with exit code ${event.exitCode}`, "What came is not whole");
    }
    await writeBytes(event.type === "stdout" ? process.stdout : process.stderr, event.data);
  }
}
