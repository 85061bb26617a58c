/** What a template has running when it is captured, against a real agent. */
import { readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import type { ImageStart } from "@fastvm/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NO_SETTING } from "../exec/start-exec.ts";
import { AgentProcess } from "../guest-link/agent-process.ts";
import type { GuestLink } from "../guest-link/guest-link.ts";
import { startServices } from "./start-services.ts";

/** Of this machine, as the agent runs on it. */
const LOG = "/var/log/fastvm-start.log";

let agent: AgentProcess;
let link: GuestLink;

beforeAll(async () => {
  agent = await AgentProcess.start();
  link = await agent.connect();
}, 180_000);
afterAll(async () => {
  link?.close();
  await agent?.[Symbol.asyncDispose]();
  await rm(LOG, { force: true });
});

const begin = (start: ImageStart): Promise<void> => startServices(link, start, NO_SETTING);

test("a command that is not ready in its time is told of with what it said", async () => {
  const never = { kind: "command", command: "false" } as const;
  const late = begin({ command: "echo no luck; exit 3", ready: never, timeoutSec: 1 });
  await expect(late).rejects.toMatchObject({
    code: "image_invalid",
    message: expect.stringContaining("not ready within 1 s; it said: no luck"),
  });
});

test("one that is ready by its own word, or by whoever listens, goes on", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const command = "echo begun; sleep 0.5; echo goes on";
  await begin({ command, ready: { kind: "port", port }, timeoutSec: 30 });
  const said = `grep -q "goes on" ${LOG}`;
  await begin({ command, ready: { kind: "command", command: said }, timeoutSec: 30 });
  expect(await readFile(LOG, "utf8")).toBe("begun\ngoes on\n");
  server.close();
  const gone = begin({ command: "true", ready: { kind: "port", port }, timeoutSec: 1 });
  await expect(gone).rejects.toThrow("not ready within 1 s");
});
