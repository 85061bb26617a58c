/** Reads a command's output while it runs, and kills another one by leaving the loop. */
import { FastvmClient } from "fastvm";

const client = new FastvmClient();
const vm = await client.vms.launch({ machineType: "c1m2", name: "stream-output" });
try {
  for await (const event of client.vms.stream(
    vm,
    "for i in 1 2 3; do echo line $i; sleep 0.3; done; exit 4",
  )) {
    if (event.type === "exit") console.log(`exit code ${event.exitCode}`);
    else process.stdout.write(event.data);
  }

  let bytes = 0;
  for await (const event of client.vms.stream(vm, "yes")) {
    if (event.type === "stdout") bytes += event.data.length;
    // Leaving the loop closes the connection, and with it the command ends.
    if (bytes >= 1_000_000) break;
  }
  const left = await client.vms.run(
    vm,
    "timeout 30 sh -c 'while pgrep -x yes >/dev/null; do sleep 0.1; done'; pgrep -x yes | wc -l",
  );
  console.log(
    `read ${bytes >= 1_000_000 ? "1 MB" : "too little"}; 'yes' processes left: ${left.stdout.trim()}`,
  );
} finally {
  await client.vms.delete(vm);
}
