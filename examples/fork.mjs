/** Forks a running VM: its children have its memory, processes and files, and all go on side by side. */
import { FastvmClient } from "fastvm";

const client = new FastvmClient();
const source = await client.vms.launch({ machineType: "c1m2", name: "source" });
await client.vms.run(source, "echo 'written before the fork' > /dev/shm/note");

const fork = await client.vms.fork(source, { count: 4, names: ["a", "b", "c", "d"] });
console.log(
  `${fork.children.length} children in ${Math.round(fork.durationMs)} ms; the source stood still for ${fork.pauseMs.toFixed(1)} ms`,
);

const children = fork.children.flatMap(({ vm, error }) => {
  if (error !== undefined) console.error(`a child did not start: ${error.error}`);
  return vm === undefined ? [] : [vm];
});
try {
  for (const child of children) {
    const { stdout } = await client.vms.run(
      child,
      'echo "$(cat /dev/shm/note), random: $(head -c 8 /dev/urandom | od -An -tx1)"',
    );
    console.log(`${child.name}: ${stdout.trim()}`);
  }
} finally {
  await Promise.all([source, ...children].map((vm) => client.vms.delete(vm)));
}
