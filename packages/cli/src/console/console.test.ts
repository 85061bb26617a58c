import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it, vi } from "vitest";
import { WebSocketServer } from "ws";
import type { RawData } from "ws";
import { FakeApi } from "../testing/fake-api.ts";
import { CliHome, envFor } from "../testing/run-cli.ts";
import { consoleUrl } from "./console-url.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
vi.setConfig({ testTimeout: 120_000 });
const home = new CliHome();
afterAll(() => home[Symbol.dispose]());

describe("the console's URL", () => {
  it("follows the base URL, keeps its path and takes whole URLs as they are", () => {
    const token = { token: "a b", expiresInSec: 60, websocketPath: "/v1/vms/x/console/ws" };
    expect(consoleUrl("https://h/p/", token)).toBe("wss://h/p/v1/vms/x/console/ws?session=a%20b");
    expect(consoleUrl("http://h:1", { ...token, websocketPath: "/ws?x=1" })).toBe(
      "ws://h:1/ws?x=1&session=a%20b",
    );
    expect(consoleUrl("http://h", { ...token, websocketPath: "wss://other/ws" })).toBe(
      "wss://other/ws?session=a%20b",
    );
  });
});

describe("the console", () => {
  it("carries keys and bytes, tells its size, and leaves on Ctrl-] with the terminal as it was", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const frames: string[] = [];
    const left = Promise.withResolvers<number>();
    const sockets = new WebSocketServer({ noServer: true });
    api.onUpgrade((request, socket, head) => {
      expect(request.url).toBe("/console/ws?session=one%20time");
      expect(request.headers["x-api-key"]).toBeUndefined();
      sockets.handleUpgrade(request, socket, head, (peer) => {
        peer.send(Buffer.from("login: \u00e9\u0001"), { binary: true });
        peer.on("message", (data: RawData, isBinary: boolean) => {
          frames.push(`${isBinary ? "binary" : "text"} ${(data as Buffer).toString()}`);
        });
        peer.on("close", (code) => left.resolve(code));
      });
    });
    // `script` gives the CLI a terminal of its own.
    const command = `stty rows 33 cols 101; ${process.execPath} --conditions=development ${MAIN} console dev; stty -a`;
    const terminal = spawn("script", ["-qec", command, "/dev/null"], {
      env: { ...process.env, HOME: home.folder, ...envFor(api) },
    });
    let shown = "";
    terminal.stdout.on("data", (data: Buffer) => (shown += data.toString()));
    await expect.poll(() => shown, { timeout: 20_000 }).toContain("login: é");
    terminal.stdin.write("l\u0003é");
    await expect.poll(() => frames.join("")).toContain("é");
    terminal.stdin.write("\u001d");
    expect(await left.promise).toBe(1000);
    await once(terminal, "close");
    expect(frames[0]).toBe('text {"type":"resize","cols":101,"rows":33}');
    expect(frames.slice(1).join("").replaceAll("text ", "")).toBe("l\u0003é");
    // Line by line and with an echo again.
    expect(shown).toMatch(/ icanon /);
    expect(shown).toMatch(/ echo /);
  });

  it("follows a launch on a terminal, unless it is declined", async () => {
    await using api = await FakeApi.start();
    const sockets = new WebSocketServer({ noServer: true });
    api.onUpgrade((request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (peer) => {
        peer.send("welcome");
        peer.close();
      });
    });
    const launch = (flags: string): Promise<{ stdout: string }> => {
      const command = `${process.execPath} --conditions=development ${MAIN} ${flags}`;
      const env = { ...process.env, HOME: home.folder, ...envFor(api) };
      return promisify(execFile)("script", ["-qec", command, "/dev/null"], { env });
    };
    expect((await launch("launch -n a")).stdout).toMatch(/running[^]*welcome/);
    expect((await launch("launch -n b --no-console")).stdout).not.toContain("welcome");
    expect((await launch("vm launch -n c")).stdout).not.toContain("welcome");
    expect((await launch("vm launch -n d --console")).stdout).toContain("welcome");
    api.hasConsoles = false;
    expect((await launch("launch -n e")).stdout).toMatch(/running[^]*$/);
    await expect(launch("vm launch -n f --console")).rejects.toMatchObject({ code: 1 });
  });

  it("is refused without a terminal", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const { exitCode, stderr } = await home.run(["vm", "console", "dev"], envFor(api));
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Error: A console needs a terminal\nHint: ");
  });
});
