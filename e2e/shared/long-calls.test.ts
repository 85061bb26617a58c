import { once } from "node:events";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Vm } from "fastvm";
import { SharedDaemon } from "../harness/shared-daemon.ts";
import { GeneratedClient } from "../harness/generated-client.ts";
import { sh } from "../harness/guest.ts";

/** What public clients allow: until the headers (JavaScript), between two bytes (Python). */
const CLIENT_TIMEOUT_MS = 60_000;
const CALL_SECONDS = 90;
const TEST_TIMEOUT_MS = (CALL_SECONDS + 60) * 1000;
const COMMAND = ["sh", "-c", `echo $$ >> /root/runs; sleep ${CALL_SECONDS}; echo done`];

/** One real wait, for all of them at once. */
describe(
  `calls of ${CALL_SECONDS} s by clients that wait ${CLIENT_TIMEOUT_MS / 1000} s`,
  { concurrent: true },
  () => {
    let daemon: SharedDaemon;
    let client: GeneratedClient;
    let vm: Vm;

    beforeAll(async () => {
      daemon = await SharedDaemon.join();
      client = new GeneratedClient({ baseUrl: daemon.url, apiKey: daemon.apiKey });
      vm = await daemon.client.vms.launch({ machineType: "c1m2" });
    });

    afterAll(async () => {
      try {
        // Each of the three commands ran once: nobody gave up and sent it again.
        expect(await sh(daemon.client, vm, "wc -l < /root/runs")).toBe("3");
      } finally {
        await daemon[Symbol.asyncDispose]();
      }
    });

    test(
      "a buffered command gives its result at the first attempt",
      { timeout: TEST_TIMEOUT_MS },
      async () => {
        const { attempts, text } = await client.send("POST", `/v1/vms/${vm.id}/exec`, {
          body: { command: COMMAND },
        });
        expect(attempts).toHaveLength(1);
        expect(JSON.parse(text)).toMatchObject({ exitCode: 0, stdout: "done\n" });
      },
    );

    test("a streamed command does, though it says nothing", { timeout: TEST_TIMEOUT_MS }, async () => {
      const accept = "application/x-ndjson";
      const { attempts, text } = await client.send("POST", `/v1/vms/${vm.id}/exec`, {
        body: { command: COMMAND },
        accept,
      });
      expect(attempts).toHaveLength(1);
      const events = text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as object);
      // An exit code of 0 is left out.
      expect(events).toEqual([
        { t: "o", d: Buffer.from("done\n").toString("base64") },
        { t: "x", ms: expect.any(Number) },
      ]);
    });

    test("a client that waits for headers only has them in time", { timeout: TEST_TIMEOUT_MS }, async () => {
      const impatience = new AbortController();
      const timer = setTimeout(() => impatience.abort(), CLIENT_TIMEOUT_MS);
      const response = await fetch(`${daemon.url}/v1/vms/${vm.id}/exec`, {
        method: "POST",
        headers: { "x-api-key": daemon.apiKey, "content-type": "application/json" },
        body: JSON.stringify({ command: COMMAND }),
        signal: impatience.signal,
      });
      clearTimeout(timer);
      expect(response.headers.get("content-type")).toMatch(/^application\/json/);
      expect(await response.json()).toMatchObject({ exitCode: 0, stdout: "done\n" });
    });

    test("a file whose upload takes so long is written", { timeout: TEST_TIMEOUT_MS }, async () => {
      const signed = await client.send("POST", `/v1/vms/${vm.id}/files/presign`, {
        body: { path: "/root/slow" },
      });
      const { uploadUrl, downloadUrl } = JSON.parse(signed.text) as Record<
        "uploadUrl" | "downloadUrl",
        string
      >;
      const upload = request(uploadUrl, { method: "PUT" });
      upload.write("begun, ");
      const [response] = await once(upload, "response");
      response.resume();
      const body = { url: downloadUrl, path: "/root/slow", timeoutSec: 600 };
      const written = client.send("POST", `/v1/vms/${vm.id}/files/fetch`, { body });
      await sleep(CALL_SECONDS * 1000);
      upload.end("done");
      const { attempts, text } = await written;
      expect(attempts).toHaveLength(1);
      expect(JSON.parse(text)).toMatchObject({ exitCode: 0 });
      expect(await sh(daemon.client, vm, "cat /root/slow")).toBe("begun, done");
    });
  },
);
