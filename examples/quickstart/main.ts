/**
 * The tour: one VM becomes eleven, with its memory. Everything goes through the public SDK; the daemon is started if none runs.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { readConfig, startDaemon } from "@fastvm/daemon";
import { FastvmClient } from "fastvm";
import type { Snapshot, Vm } from "fastvm";
import { READ_COUNTER, START_COUNTER } from "./counter.ts";
import { qemuMemoryMib } from "./qemu-memory.ts";
import { formatMs, Steps } from "./steps.ts";
import { renderTable } from "./table.ts";

const BRANCHES = 10;
/** It starts the daemon as its users do: from the bundle, where there is one. */
const FASTVM = fileURLToPath(new URL("../../fastvm", import.meta.url));

interface Branch {
  readonly vm: Vm;
  readonly answer: string;
  readonly durationMs: number;
  readonly memoryMib: number | undefined;
}

const config = readConfig();
const steps = new Steps();

console.log("\nFastVM quickstart\n");
const daemon = await steps.run("start the daemon (the first start boots a template, once)", () => {
  execFileSync(FASTVM, ["serve", "-d"], { stdio: ["ignore", "ignore", "inherit"] });
  return startDaemon(config);
});
const client = new FastvmClient({ apiKey: daemon.apiKey, baseUrl: daemon.url });

await deleteEarlierRuns();

const base = await steps.run("launch a VM", () =>
  client.vms.launch({ machineType: "c1m2", name: "quickstart" }),
);
const kernel = await steps.run("run a command", () =>
  client.vms.run(base, "uname -sr; nproc; free -m | head -2"),
);
await steps.run("stream a longer one", () => streamCommand(base));
await steps.run("start a process that counts, in memory only", () => client.vms.run(base, START_COUNTER));
const before = await steps.run("read its counter", () => readCounter(base));
const snapshot = await steps.run("snapshot the VM while it runs", () =>
  client.snapshots.create({ vmId: base.id, name: "quickstart" }),
);
const vms = await steps.run(`restore the snapshot ${BRANCHES} times, in parallel`, () =>
  restoreAll(snapshot),
);
const branches = await steps.run("run a different command in each branch", () =>
  Promise.all(vms.map(tryBranch)),
);
const winner = branches.reduce((best, branch) => (branch.durationMs < best.durationMs ? branch : best));
await steps.run("delete the branches", () => Promise.all(vms.map((vm) => client.vms.delete(vm))));
await steps.run("delete the snapshot", () => client.snapshots.delete(snapshot));

report();

/** A second run starts afresh: two VMs of one name could not be told apart by it. */
async function deleteEarlierRuns(): Promise<void> {
  const all = await client.vms.list();
  const mine = all.filter((vm) => vm.name === "quickstart" || vm.name.startsWith("branch-"));
  await Promise.all(mine.map((vm) => client.vms.delete(vm)));
}

async function streamCommand(vm: Vm): Promise<void> {
  const script = "for step in 1 2 3; do echo step $step; sleep 0.2; done";
  const lines: string[] = [];
  for await (const event of client.vms.stream(vm, script)) {
    if (event.type === "stdout") lines.push(Buffer.from(event.data).toString().trim());
  }
  if (lines.join(" ") !== "step 1 step 2 step 3") throw new Error(`The stream brought: ${lines.join(" ")}`);
}

async function readCounter(vm: Vm): Promise<number> {
  const { stdout, exitCode } = await client.vms.run(vm, READ_COUNTER);
  if (exitCode !== 0) throw new Error("The counter does not answer");
  return Number(stdout);
}

async function restoreAll(source: Snapshot): Promise<Vm[]> {
  const names = Array.from({ length: BRANCHES }, (_, index) => `branch-${index}`);
  return await Promise.all(names.map((name) => client.vms.launch({ snapshotId: source.id, name })));
}

/** Each branch writes a file of its own, then shows it beside the counter that came with the snapshot's memory. */
async function tryBranch(vm: Vm, index: number): Promise<Branch> {
  const command = `echo "seed ${index}: $((${index} * ${index} + 1))" > /root/answer; cat /root/answer; ${READ_COUNTER}`;
  const { stdout, durationMs } = await client.vms.run(vm, command);
  return { vm, answer: stdout.trim(), durationMs, memoryMib: await qemuMemoryMib(config.dataDir, vm.id) };
}

function report(): void {
  console.log(
    `\nThe VM: ${kernel.stdout.split("\n")[0]}. Its counter stood at ${before} before the snapshot.\n`,
  );
  const rows = branches.map(({ vm, answer, memoryMib }) => {
    const [file = "", counter = ""] = answer.split("\n");
    const goesOn = Number(counter) >= before ? "yes" : "NO";
    return [vm.name, file, counter, goesOn, memoryMib === undefined ? "?" : `${memoryMib.toFixed(0)} MiB`];
  });
  console.log(renderTable(["branch", "its file", "counter", "goes on", "memory (PSS)"], rows));
  if (rows.some((row) => row[3] !== "yes")) throw new Error("A branch lost its memory");
  console.log(`\n  winner: ${winner.vm.name}, after ${winner.durationMs} ms in the guest\n`);
  console.log(
    renderTable(
      ["step", "time"],
      steps.results.map(({ name, ms }) => [name, formatMs(ms)]),
    ),
  );
  console.log(`
The daemon runs on, and so does the VM "quickstart".

  API        ${daemon.url}   (the description: ${daemon.url}/openapi.json)
  API key    in ${daemon.apiKeyFile}
  log        ${daemon.logFile}

  ./fastvm vm ls
  ./fastvm exec quickstart "python3 --version"
  ./fastvm vm fork quickstart --count 3

  ./quickstart stop    ends the daemon and its VMs
`);
}
