/** A fresh VM of the base image for the tests of one file, from before the first to after the last. */
import { afterAll, beforeAll } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { sh } from "./guest.ts";
import { SharedDaemon } from "./shared-daemon.ts";

interface FreshVm {
  readonly client: FastvmClient;
  readonly vm: Vm;
  /** Runs a shell command that must succeed, and returns what it printed. */
  readonly sh: (command: string, options?: { readonly timeoutMs?: number }) => Promise<string>;
}

/** What it returns is there once the tests run. */
export function freshVm(machineType: string, name: string): FreshVm {
  const made: { daemon?: SharedDaemon; vm?: Vm } = {};
  beforeAll(async () => {
    made.daemon = await SharedDaemon.join();
    made.vm = await made.daemon.client.vms.launch({ machineType, name });
  });
  afterAll(() => made.daemon?.[Symbol.asyncDispose]());
  const there = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error("the VM is there in tests and hooks only");
    return value;
  };
  return {
    get client() {
      return there(made.daemon).client;
    },
    get vm() {
      return there(made.vm);
    },
    sh: (command, options) => sh(there(made.daemon).client, there(made.vm), command, options),
  };
}
