import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CommandShell } from "../host/command-shell.ts";
import { allowThroughDocker, closedChains, forbidThroughDocker } from "./foreign-forwarding.ts";
import { instanceOf } from "./vm-network.ts";

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

const nft = (text: string): Promise<string> => shell.run(`nft -f - <<'EOF'\n${text}\nEOF`);

test("chains that drop what is forwarded are named, unless Docker left a place for our rules", async () => {
  expect(await closedChains(shell)).toEqual([]);
  await nft(`add table ip filter
add chain ip filter FORWARD { type filter hook forward priority filter; policy drop; }
add chain ip filter DOCKER-USER
add table ip6 filter
add chain ip6 filter FORWARD { type filter hook forward priority filter; policy drop; }
add table inet open
add chain inet open forward { type filter hook forward priority filter; policy accept; }
add rule inet open forward tcp dport 22 drop`);
  expect(await closedChains(shell)).toEqual([expect.stringMatching(/^ip6 filter FORWARD /)]);
  await nft("flush ruleset");
});

test("so are chains that end with a refusal, and those that keep VMs' questions from the host", async () => {
  await nft(`add table inet firewalld
add chain inet firewalld filter_FORWARD { type filter hook forward priority filter + 10; policy accept; }
add rule inet firewalld filter_FORWARD ct state established accept
add rule inet firewalld filter_FORWARD counter reject with icmpx admin-prohibited
add table ip filter
add chain ip filter INPUT { type filter hook input priority filter; policy drop; }`);
  expect(await closedChains(shell)).toEqual([
    expect.stringMatching(/^inet firewalld filter_FORWARD .*fv-/),
    expect.stringMatching(/^ip filter INPUT .*5399/),
  ]);
  await nft("flush ruleset");
});

test("Docker's place gets our rules once, also when it comes later, and they go with us", async () => {
  const instance = instanceOf("abc126");
  const ours = async (): Promise<number> =>
    (await shell.run("nft list ruleset")).match(/comment "fastvm_abc126"/g)?.length ?? 0;
  await allowThroughDocker(shell, instance);
  expect(await ours()).toBe(0);
  await nft("add table ip filter\nadd chain ip filter DOCKER-USER");
  await allowThroughDocker(shell, instance);
  await allowThroughDocker(shell, instance);
  expect(await ours()).toBe(2);
  await forbidThroughDocker(shell, instance);
  expect(await ours()).toBe(0);
});
