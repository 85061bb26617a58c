import { FastvmError, newVmId } from "@fastvm/contract";
import { beforeEach, expect, test } from "vitest";
import type { Field } from "../../guest-link/fields.ts";
import { GuestError } from "../../guest-link/guest-error.ts";
import { mapToLoopback } from "./map-to-loopback.ts";
import { Vm } from "../state/vm.ts";
import type { Guest, VmRecord } from "../state/vm.ts";

const ENOENT = 2;
const FORWARD = { port: 8800, publicPort: 443, accept: () => undefined };

/** What a guest's link is asked for, with a file for /etc/hosts. */
class FakeGuest {
  readonly asked: string[] = [];
  hosts: Buffer | undefined = Buffer.from("127.0.0.1 localhost\n");
  refusal: Error | undefined;

  async identify(fields: readonly Field[]): Promise<void> {
    const value = fields[0]?.value as Buffer;
    this.asked.push(`listen ${value.toString("latin1", 2)}:${value.readUInt16LE(0)}`);
    if (this.refusal !== undefined) throw this.refusal;
  }

  async *readFile(path: string): AsyncGenerator<Uint8Array> {
    this.asked.push(`read ${path}`);
    if (this.hosts === undefined) throw new GuestError(ENOENT, "");
    yield this.hosts;
  }

  async writeFile(path: string, content: Buffer): Promise<void> {
    this.asked.push(`write ${path}`);
    this.hosts = content;
  }
}

let guest: FakeGuest;
let vm: Vm;

beforeEach(() => {
  guest = new FakeGuest();
  vm = new Vm("", { vmId: newVmId(), phase: "running" } as VmRecord);
  vm.setGuest({ link: { get: async () => guest } } as unknown as Guest);
});

const map = (host: string, port = 8800): Promise<boolean> => mapToLoopback(vm, FORWARD, { host, port }, {});

test("an address is listened at, once, however often and at once it is asked for", async () => {
  expect(await Promise.all([map("10.1.2.3"), map("10.1.2.3")])).toEqual([true, true]);
  expect(await map("10.1.2.3")).toBe(true);
  expect(guest.asked).toEqual(["listen 10.1.2.3:8800"]);
});

test("a name is written down once, also where there is no file yet", async () => {
  await Promise.all([map("a.example"), map("A.example"), map("b.example")]);
  expect(guest.hosts?.toString().split("\n").slice(1)).toEqual([
    "127.0.0.1 a.example # fastvm: staging URLs",
    "127.0.0.1 b.example # fastvm: staging URLs",
    "",
  ]);
  expect(guest.asked.filter((one) => one.startsWith("write"))).toHaveLength(2);
  guest.hosts = undefined;
  await map("c.example");
  expect(guest.hosts).toEqual(Buffer.from("127.0.0.1 c.example # fastvm: staging URLs\n"));
});

test("the public port is listened at before the name is written", async () => {
  await map("a.example", 443);
  expect(guest.asked).toEqual(["listen :443", "read /etc/hosts", "write /etc/hosts"]);
});

test.each([
  ["localhost", 8800, true],
  ["127.0.0.1", 8800, true],
  ["a.example", 80, false],
  ["192.0.0.1", 8800, false],
  ["a b", 8800, false],
])("%s at port %i asks nothing of the guest", async (host, port, mapped) => {
  expect(await map(host, port)).toBe(mapped);
  expect(guest.asked).toEqual([]);
});

test("a refusal is told, and tried again; a new life starts anew", async () => {
  guest.refusal = new FastvmError("launch_failed", "field 38: Permission denied");
  await expect(map("10.1.2.3")).rejects.toMatchObject({ code: "transfer_failed" });
  guest.refusal = undefined;
  expect(await map("10.1.2.3")).toBe(true);
  const before = guest;
  guest = new FakeGuest();
  vm.setGuest({ link: { get: async () => guest } } as unknown as Guest);
  await map("10.1.2.3");
  expect(guest.asked).toEqual(before.asked.slice(0, 1));
});

test("the ninth host is one too many", async () => {
  for (let host = 1; host <= 8; host++) await map(`10.0.0.${host}`);
  await expect(map("10.0.0.9")).rejects.toMatchObject({ code: "conflict" });
  expect(await map("10.0.0.8")).toBe(true);
});

test("a file of hosts that is too large is left alone", async () => {
  guest.hosts = Buffer.alloc(1024 ** 2 + 1);
  await expect(map("a.example")).rejects.toMatchObject({ code: "transfer_failed" });
  expect(guest.asked).not.toContain("write /etc/hosts");
});
