/** Launches a VM, runs a command in it and deletes it. */
import { FastvmClient } from "fastvm";

const client = new FastvmClient();
const vm = await client.vms.launch({ machineType: "c1m2", name: "run-a-command" });
try {
  const system = await client.vms.run(vm, "uname -srm && nproc && free -h | head -2");
  console.log(system.stdout);

  // An array is a program and its arguments, with no shell between; stdin is written and then closed.
  const words = await client.vms.run(vm, ["wc", "-w"], { stdin: "four words go in\n" });
  console.log(`words counted in the VM: ${words.stdout.trim()}`);

  const failing = await client.vms.run(vm, "echo 'this goes to stderr' >&2; exit 3");
  console.log(`exit code ${failing.exitCode} after ${failing.durationMs} ms: ${failing.stderr.trim()}`);
} finally {
  await client.vms.delete(vm);
}
