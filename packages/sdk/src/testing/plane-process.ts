/**
 * A control plane over fake VMs in a process of its own, to be killed. Arguments: the records' file, a folder. Prints its URL and a key.
 */
import { createControlPlane, FakeWorker } from "@fastvm/control-plane";

const [, , path = "", stagingFolder = ""] = process.argv;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const plane = await createControlPlane({
  worker: new FakeWorker(),
  log: silent,
  store: { kind: "sqlite", path },
  stagingFolder,
});
const apiKey = await plane.ensureKey();
const baseUrl = await plane.listen({ host: "127.0.0.1", port: 0 });
process.stdout.write(`${JSON.stringify({ apiKey, baseUrl })}\n`);
