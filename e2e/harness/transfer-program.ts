/**
 * One transfer by the SDK in a process of its own, whose memory can be told from the test's. Arguments:
 * `upload` or `download`, the VM's id, the path here, the path in the VM. Prints what it used as JSON.
 */
import { FastvmClient } from "fastvm";
import { peakMib, startPeak } from "./memory.ts";

const [direction, vmId = "", localPath = "", remotePath = ""] = process.argv.slice(2);
const client = new FastvmClient();
// What every client needs, its connection and its code, is there before the count begins.
await client.vms.get(vmId);
const residentMib = await startPeak("self");
let progress = { transferredBytes: 0, calls: 0 };
const onProgress = ({ transferredBytes }: { transferredBytes: number }): void => {
  progress = { transferredBytes, calls: progress.calls + 1 };
};
const startedAt = performance.now();
if (direction === "upload") await client.upload(vmId, localPath, remotePath, { onProgress });
else await client.download(vmId, remotePath, localPath, { onProgress });
const report = {
  residentMib,
  peakMib: await peakMib("self"),
  seconds: (performance.now() - startedAt) / 1000,
  ...progress,
};
process.stdout.write(JSON.stringify(report));
