/** Sandboxes with a network policy: made by the published client, or with a network device of their own, which it refuses, by ours. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKey } from "@fastvm/daemon";
import { SandboxesClient } from "fastvm/sandboxes";
import type { CloudSandbox, NetworkSpec } from "fastvm/sandboxes";
import type { FastvmClient } from "fastvm";
import { Sandbox } from "microsandbox";
import type { TestDaemon } from "./daemon.ts";
import { sh } from "./guest.ts";

export interface SandboxPolicyDocument {
  readonly default_egress: "allow" | "deny";
  readonly rules: readonly object[];
}

/** Of which there is a template already. */
const MEMORY_MIB = 2048;

export class PolicySandboxes implements AsyncDisposable {
  readonly #client: SandboxesClient;
  readonly #home: string;

  /** Once in a process: the published client looks at the environment when it is used first. */
  static async of(daemon: TestDaemon): Promise<PolicySandboxes> {
    const home = await mkdtemp(join(tmpdir(), "fastvm-msb-"));
    const { key } = await createKey(daemon.config.dataDir, { api: "microsandbox" });
    const settings = { MSB_BACKEND: "cloud", MSB_API_URL: daemon.url, MSB_API_KEY: key, MSB_HOME: home };
    Object.assign(process.env, settings);
    return new PolicySandboxes(home);
  }

  private constructor(home: string) {
    this.#home = home;
    this.#client = new SandboxesClient();
  }

  async make(name: string, policy: SandboxPolicyDocument, device?: object): Promise<CloudSandbox> {
    if (device === undefined) {
      const json = JSON.stringify({ ...policy, default_ingress: "deny" });
      const builder = Sandbox.builder(name).image("base").memory(MEMORY_MIB);
      await builder.network((network) => network.policyJson(json)).create();
      return await this.#client.get(name);
    }
    const network = { policy, interface: device } as unknown as NetworkSpec;
    const image = { Oci: { reference: "base", upper_size_mib: null } };
    return await this.#client.create({ name, image, resources: { memory_mib: MEMORY_MIB }, network });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#home, { recursive: true, force: true });
  }
}

/** What the guest has: MAC, MTU and addresses. */
export async function deviceOf(client: FastvmClient, sandbox: Pick<CloudSandbox, "id">): Promise<string[]> {
  const addresses = "ip -o addr show dev eth0 scope global | awk -F'[ /]+' '{print $4}'";
  const shown = `cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu; ${addresses}`;
  return (await sh(client, sandbox, shown)).split("\n");
}
