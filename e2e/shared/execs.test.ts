/** Commands in the background and terminals, through the SDK. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CommandHandle, FastvmClient, Vm } from "fastvm";
import { eventually as within } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";
import { SharedDaemon } from "../harness/shared-daemon.ts";

const KIB = 1024;
const LINES = 60_000;

/** For whatever a loaded machine takes its time with. */
const PATIENCE_MS = 20_000;
const eventually = (attempt: () => Promise<void> | void): Promise<void> =>
  within(async () => await attempt(), PATIENCE_MS);

let daemon: SharedDaemon;
let other: SharedDaemon;
let client: FastvmClient;
let vm: Vm;

beforeAll(async () => {
  daemon = await SharedDaemon.join();
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2", envVars: { GREETING: "hello" } });
});

afterAll(async () => {
  await other?.[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
});

test("a command runs as any other does, and is found by whoever has its id", async () => {
  const started = await client.vms.commands.start(vm, 'echo "$GREETING $NAME"; pwd; echo err >&2; exit 3', {
    env: { NAME: "world" },
    cwd: "/tmp",
  });
  const found = await client.vms.commands.connect(vm, started.id);
  const outputs: string[] = [];
  const finished = await found.wait({ onStdout: (data) => outputs.push(Buffer.from(data).toString()) });
  expect(finished).toMatchObject({
    exitCode: 3,
    stdout: "hello world\n/tmp\n",
    stderr: "err\n",
    timedOut: false,
    lostBytes: 0,
  });
  expect(outputs.join("")).toBe(finished.stdout);
  expect(await found.refresh()).toMatchObject({ status: "exited", exitCode: 3, cwd: "/tmp" });
  expect((await client.vms.commands.list(vm)).map(({ id }) => id)).toContain(started.id);
});

test("one that cannot start says why, one whose time runs out is ended by its guest", async () => {
  const missing = await client.vms.commands.start(vm, ["/no/such"]);
  expect(await missing.wait()).toMatchObject({
    exitCode: 127,
    stderr: expect.stringContaining("No such file") as string,
  });
  const slow = await client.vms.commands.start(vm, "sleep 4711", { timeoutSec: 1 });
  expect(await slow.wait()).toMatchObject({ exitCode: 124, timedOut: true });
});

test("what the VM could not keep is said, and what it kept is whole", async () => {
  const command = await client.vms.commands.start(vm, `seq 1 ${LINES}`, { keepOutputBytes: 64 * KIB });
  await client.vms.execs.retrieve(vm, command.id, { waitSec: 50 });
  const everything = Array.from({ length: LINES }, (_, index) => `${index + 1}\n`).join("");
  const finished = await command.wait();
  expect(finished.exitCode).toBe(0);
  expect(finished.lostBytes).toBeGreaterThan(0);
  expect(finished.stdout.length).toBeGreaterThan(16 * KIB);
  expect(finished.stdout).toBe(everything.slice(finished.lostBytes));
});

test("readers who do not read hold neither the command nor each other up", async () => {
  const command = await client.vms.commands.start(vm, `read -r go; seq 1 ${LINES * 20}; echo end`, {
    keepStdin: true,
    keepOutputBytes: 64 * KIB,
  });
  const slow = command.output();
  expect((await slow.next()).value).toEqual({ type: "place", offset: 0, lostBytes: 0 });
  await command.sendStdin("go\n");
  const finished = await command.wait();
  expect(finished.stdout.endsWith(`${LINES * 20}\nend\n`)).toBe(true);
  let [text, lost] = ["", 0];
  for await (const event of slow) {
    if (event.type === "place") lost += event.lostBytes;
    if (event.type === "stdout") text += Buffer.from(event.data).toString();
  }
  const { endOffset } = await command.refresh();
  expect(text.endsWith("end\n")).toBe(true);
  expect(text.length + lost).toBe(endOffset);
});

test("stdin of any size arrives whole, is closed, and then is refused", async () => {
  const command = await client.vms.commands.start(vm, "wc -c; sleep 4712", { keepStdin: true });
  for (let part = 0; part < 3; part += 1) await command.sendStdin(Buffer.alloc(700_000, part));
  await command.closeStdin();
  await eventually(async () => {
    expect((await client.vms.execs.output(vm, command.id)).stdout).toBe("2100000\n");
  });
  await expect(command.sendStdin("more")).rejects.toMatchObject({ status: 409, code: "conflict" });
  expect(await command.kill()).toBe(true);
});

test("a kill ends the whole tree", async () => {
  const command = await client.vms.commands.start(vm, "sh -c 'sleep 4713 & sleep 4713 & wait' & wait");
  await eventually(async () => expect(await sh(client, vm, "pgrep -fc '^sleep 4713'")).toBe("2"));
  expect(await command.kill()).toBe(true);
  expect((await command.wait()).exitCode).toBe(137);
  expect(await command.kill()).toBe(false);
  await eventually(async () => expect(await sh(client, vm, "pgrep -fc '^sleep 4713' || true")).toBe("0"));
});

test("a terminal has a size, takes keys, and is there for who comes back", async () => {
  const terminal = await client.vms.pty.create(vm, { cols: 100, rows: 30 });
  await client.vms.pty.sendInput(vm, terminal.id, "stty size; test -t 0 && echo is-$((40 + 2))-tty\r");
  await sees(terminal, "30 100", "is-42-tty");
  const again = await client.vms.pty.connect(vm, terminal.id);
  await again.resize({ cols: 120, rows: 40 });
  await again.sendStdin("stty size\r");
  await sees(again, "40 120");
  await again.sendStdin("exit 5\r");
  expect((await again.wait()).exitCode).toBe(5);
});

test("another organisation finds neither VM nor command, and a removed one is gone", async () => {
  const command = await client.vms.commands.start(vm, "sleep 4714");
  other = await SharedDaemon.join();
  for (const ask of [
    () => other.client.vms.execs.list(vm),
    () => other.client.vms.execs.retrieve(vm, command.id),
    () => other.client.vms.execs.output(vm, command.id),
    () => other.client.vms.commands.kill(vm, command.id),
  ]) {
    await expect(ask()).rejects.toMatchObject({ status: 404 });
  }
  const waiting = command.wait();
  waiting.catch(() => undefined);
  await client.vms.execs.delete(vm, command.id);
  await expect(waiting).rejects.toMatchObject({ status: 404 });
});

test("a port has a URL, the same whenever it is asked for", async () => {
  const url = await client.vms.url(vm, 8080);
  expect(await client.vms.url(vm, 8080)).toBe(url);
  expect(await client.vms.url(vm, "port-8080")).toBe(url);
  await expect(client.vms.url(vm, "nobody")).rejects.toThrow("no service nobody");
});

async function sees(terminal: CommandHandle, ...words: readonly string[]): Promise<void> {
  await eventually(async () => {
    const { stdout } = await client.vms.execs.output(terminal.vmId, terminal.id);
    for (const word of words) expect(stdout).toContain(word);
  });
}
