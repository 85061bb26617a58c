/** What is asked of a guest that answers. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { VmId } from "../../../model/ids.ts";
import { caller, chunks, CLOSED, expectPending } from "../worker-lab.ts";
import type { PortTester } from "../worker-lab.ts";

export function describeGuest(tester: () => PortTester): void {
  describe("a running guest", () => {
    let vmId: VmId;

    beforeAll(async () => {
      vmId = await tester().launched();
    });

    afterAll(async () => {
      await tester().worker.deleteVm(vmId);
    });

    test("runs a command until it ends, or its caller has enough", async () => {
      expect(await tester().output(vmId, ["printf", "%s", "hello"])).toBe("hello");
      const { reason, signal, leave } = caller();
      const session = await tester().worker.exec(vmId, { command: ["sleep", "infinity"] }, { signal });
      const end = (async () => {
        for await (const event of session) expect(event.kind).not.toBe("exit");
      })();
      await expectPending(end);
      leave();
      await expect(end).rejects.toBe(reason);
    });

    test("is written a file, whole or not at all", async () => {
      await tester().worker.writeFile(vmId, "/root/deep/file", chunks("one ", "two"));
      expect(await tester().output(vmId, ["cat", "/root/deep/file"])).toBe("one two");
      const source = new Error("the source fails");
      await expect(tester().worker.writeFile(vmId, "/root/half", failing(source))).rejects.toBe(source);
      const { reason, signal, leave } = caller();
      const write = tester().worker.writeFile(vmId, "/root/half", endless(), { signal });
      await expectPending(write);
      leave();
      await expect(write).rejects.toBe(reason);
      await expect(tester().output(vmId, ["cat", "/root/half"])).rejects.toThrow();
    });

    test("is connected to, where somebody listens", async () => {
      const socket = await tester().worker.dial(vmId, await tester().lab.echoPort(vmId));
      socket.write("ping");
      const [answer] = (await once(socket, "data")) as [Buffer];
      expect(answer.toString()).toBe("ping");
      socket.destroy();
      await expect(tester().worker.dial(vmId, 4)).rejects.toMatchObject({ code: "guest_unresponsive" });
    });

    test("is given keys and hosts, as often as anybody likes", async () => {
      await tester().worker.setAuthorizedKeys(vmId, ["ssh-ed25519 AAAA probe"]);
      await tester().worker.setAuthorizedKeys(vmId, []);
      expect(await tester().worker.mapToLoopback(vmId, tester().lab.apiTarget)).toBe(true);
      expect(await tester().worker.mapToLoopback(vmId, tester().lab.apiTarget)).toBe(true);
    });

    test("is not asked by who has aborted already", async () => {
      const reason = new Error("before");
      const signal = AbortSignal.abort(reason);
      for (const [what, ask] of Object.entries(tester().asks))
        await expect(ask(vmId, { signal }), what).rejects.toBe(reason);
      await expect(tester().worker.setNetworkPolicy(vmId, CLOSED, { signal })).rejects.toBe(reason);
    });
  });
}

async function* failing(error: Error): AsyncGenerator<Uint8Array> {
  yield Buffer.from("half");
  throw error;
}

async function* endless(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("half");
  await new Promise(() => undefined);
}
