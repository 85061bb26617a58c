import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CommandShell } from "../host/command-shell.ts";
import { closedForwardChains } from "./foreign-forwarding.ts";

const run = promisify(execFile);
const NAMESPACE = `fastvm-forward-test-${process.pid}`;
let shell: CommandShell;

beforeAll(async () => {
  await run("ip", ["netns", "add", NAMESPACE]);
  shell = new CommandShell(["nsenter", `--net=/run/netns/${NAMESPACE}`]);
});

afterAll(async () => {
  await shell.close();
  await run("ip", ["netns", "del", NAMESPACE]);
});

test("chains that drop what is forwarded are named, unless Docker left a place for our rules", async () => {
  expect(await closedForwardChains(shell)).toEqual([]);
  await shell.run(`nft -f - <<'EOF'
add table ip filter
add chain ip filter FORWARD { type filter hook forward priority filter; policy drop; }
add chain ip filter DOCKER-USER
add table ip6 filter
add chain ip6 filter FORWARD { type filter hook forward priority filter; policy drop; }
add table inet open
add chain inet open forward { type filter hook forward priority filter; policy accept; }
EOF`);
  expect(await closedForwardChains(shell)).toEqual(["ip6 filter FORWARD"]);
});
