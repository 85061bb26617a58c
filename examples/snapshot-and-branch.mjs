/** Prepares one VM, snapshots it while a program runs in it, and lets three branches go on from there. */
import { FastvmClient } from "fastvm";

const BRANCHES = 3;
/** Counts in its memory alone: only a VM that goes on, and is not booted anew, keeps the count. What is read is always a whole file. */
const COUNTER =
  "i=0; while true; do i=$((i+1)); echo $i > /run/count.new; mv /run/count.new /run/count; sleep 0.1; done";

const client = new FastvmClient();
const base = await client.vms.launch({ machineType: "c1m2", name: "base" });
await client.vms.run(base, `echo 'prepared once' > /root/state; nohup sh -c '${COUNTER}' >/dev/null 2>&1 &`);
await client.vms.run(base, "sleep 1");

const snapshot = await client.snapshots.create({ vmId: base.id, name: "branch-point" });
const before = await client.vms.run(base, "cat /run/count");
console.log(
  `snapshot ${snapshot.name}: the base VM stood still for ${snapshot.pauseMs?.toFixed(1)} ms and has counted to ${before.stdout.trim()}`,
);

const names = Array.from({ length: BRANCHES }, (_, index) => `branch-${index}`);
const branches = await Promise.all(names.map((name) => client.snapshots.restore(snapshot, { name })));
try {
  const results = await Promise.all(
    branches.map((branch, index) =>
      client.vms.run(
        branch,
        `sleep 0.5; echo "$(cat /root/state), choice ${index}, counted to $(cat /run/count)"`,
      ),
    ),
  );
  for (const [index, result] of results.entries()) console.log(`branch ${index}: ${result.stdout.trim()}`);
} finally {
  await Promise.all([base, ...branches].map((vm) => client.vms.delete(vm)));
  await client.snapshots.delete(snapshot);
}
