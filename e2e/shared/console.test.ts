import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { SharedDaemon } from "../harness/shared-daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";
import { Terminal } from "../harness/terminal.ts";

const CLI = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url));
const PROMPT = /^\S*root@\S+[#$] ?$/m;
const GONE_DEADLINE_MS = 15_000;

describe("the console in a terminal", () => {
  let daemon: SharedDaemon;
  let client: FastvmClient;
  let vm: Vm;
  let terminal: Terminal;

  beforeAll(async () => {
    daemon = await SharedDaemon.join();
    client = daemon.client;
    vm = await client.vms.launch({ machineType: "c1m2" });
  });

  afterAll(() => daemon[Symbol.asyncDispose]());

  beforeEach(async () => {
    terminal = await Terminal.open({ cols: 100, rows: 30 }, daemon.environment);
    await terminal.enter(`'${process.execPath}' --conditions=development '${CLI}' console ${vm.id}`);
    await terminal.shows(PROMPT);
  });

  afterEach(() => terminal[Symbol.asyncDispose]());

  test("has the window's size, and follows it", async () => {
    await terminal.enter("stty size; echo size-$?");
    expect(await terminal.shows(/^size-0$/m)).toMatch(/^30 100$/m);
    await terminal.resize({ cols: 133, rows: 41 });
    await eventually(async () => {
      await terminal.enter("clear; stty size");
      await terminal.shows(/^41 133$/m);
    }, GONE_DEADLINE_MS);
  });

  test("can be left for a command on a terminal, which is left and found again", async () => {
    await terminal.press("C-]");
    await terminal.shows(/^here\$ ?$/m);
    const cli = `'${process.execPath}' --conditions=development '${CLI}'`;
    await terminal.enter(
      `clear; ${cli} exec -it -w /tmp -e A=b ${vm.id} 'pwd; stty size; read x; exit $x'; echo code-$?`,
    );
    expect(await terminal.shows(/^30 100$/m)).toMatch(/^\/tmp$/m);
    await terminal.press("C-]");
    const [, again = ""] =
      /^It goes on: fastvm (attach \S+ \S+)$/m.exec(await terminal.shows(/^code-0$/m)) ?? [];
    await terminal.enter(`clear; ${cli} ${again}; echo code-$?`);
    await terminal.shows(/^\/tmp$/m);
    await terminal.enter("7");
    await terminal.shows(/^code-7$/m);
  });

  test("edits a file with vi", async () => {
    await sh(client, vm, "printf 'first\\nsecond\\n' > /root/edited");
    await terminal.enter("vi /root/edited");
    await terminal.shows(/^first\nsecond\n~/m);
    await terminal.type("Gothird größe");
    await terminal.press("Escape");
    await terminal.shows(/^third größe$/m);
    await terminal.enter(":wq");
    await terminal.shows(PROMPT);
    expect(await sh(client, vm, "cat /root/edited")).toBe("first\nsecond\nthird größe");
  });

  test("draws top over the whole screen, and quits it", async () => {
    await terminal.enter("top");
    await terminal.shows(/^top - /m);
    // It draws line by line, and an emulated guest may be seen in the midst of that.
    await eventually(async () => {
      const screen = await terminal.screen();
      expect(screen).toMatch(/PID USER/);
      expect(screen.split("\n")).toHaveLength(30);
    }, GONE_DEADLINE_MS);
    await terminal.press("q");
    // As it ends it throws away what was typed for it.
    await terminal.shows(PROMPT);
    await terminal.enter("echo after-$((6 * 7))");
    await terminal.shows(/^after-42$/m);
  });

  test("takes Ctrl-C to the program in it and goes on", async () => {
    await terminal.enter("sleep 1000; echo status-$?");
    await eventually(() => sh(client, vm, "pgrep -x sleep"), GONE_DEADLINE_MS);
    await terminal.press("C-c");
    await terminal.enter("echo still-$((6 * 7))");
    await terminal.shows(/^still-42$/m);
    expect(await sh(client, vm, "pgrep -x sleep || echo none")).toBe("none");
  });

  test("is left by Ctrl-], which ends its shell and gives the terminal back", async () => {
    expect(await sh(client, vm, "pgrep -cx bash")).not.toBe("0");
    await terminal.press("C-]");
    await terminal.shows(/^Left the console\nhere\$/m);
    await expectNoShell();
    await terminal.enter("stty -a | grep -o ' icanon'; echo back-$((6 * 7))");
    expect(await terminal.shows(/^back-42$/m)).toMatch(/^ icanon$/m);
  });

  test("ends its shell and what runs in it when the window is closed", async () => {
    await terminal.enter("vi /root/open");
    await terminal.shows(/^~$/m);
    expect(await sh(client, vm, "pgrep -x 'vi|vim.tiny'")).toMatch(/^\d+$/);
    await terminal[Symbol.asyncDispose]();
    await expectNoShell();
    expect(await sh(client, vm, "pgrep -x 'vi|vim.tiny' || echo none")).toBe("none");
  });

  test("opens once by each token", async () => {
    const { token, websocketPath } = await client.vms.consoleToken(vm.id);
    const url = `${daemon.url.replace(/^http/, "ws")}${websocketPath}?session=${token}`;
    const first = new WebSocket(url);
    await once(first, "open");
    const second = new WebSocket(url);
    const outcome = await Promise.race([
      once(second, "open").then(() => "opened"),
      once(second, "error").then(() => "refused"),
    ]);
    expect(outcome).toBe("refused");
    expect(first.readyState).toBe(WebSocket.OPEN);
    first.close();
  });

  async function expectNoShell(): Promise<void> {
    await eventually(async () => {
      expect(await sh(client, vm, "pgrep -x bash || echo none")).toBe("none");
    }, GONE_DEADLINE_MS);
  }
});
