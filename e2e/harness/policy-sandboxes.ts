/** Sandboxes with a network policy: made by the published client, or with a network device of their own, which it refuses, by ours. */
import { createKey } from "@fastvm/daemon";
import { SandboxesClient } from "fastvm/sandboxes";
import type { CloudSandbox, NetworkSpec } from "fastvm/sandboxes";
import type { FastvmClient } from "fastvm";
import { Sandbox } from "microsandbox";
import type { TestDaemon } from "./daemon.ts";
import { sh } from "./guest.ts";
import { PublishedSandboxes } from "./published-sandboxes.ts";

export interface SandboxPolicyDocument {
  readonly default_egress: "allow" | "deny";
  readonly rules: readonly object[];
}

/** Of which there is a template already. */
const MEMORY_MIB = 2048;

export class PolicySandboxes implements Disposable {
  readonly #client: SandboxesClient;
  readonly #published: PublishedSandboxes;

  static async of(daemon: TestDaemon): Promise<PolicySandboxes> {
    const { key } = await createKey(daemon.config.dataDir, { api: "microsandbox" });
    return new PolicySandboxes(new PublishedSandboxes(daemon.url, key));
  }

  private constructor(published: PublishedSandboxes) {
    this.#published = published;
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

  [Symbol.dispose](): void {
    this.#published[Symbol.dispose]();
  }
}

/** What the guest has: MAC, MTU and addresses. */
export async function deviceOf(client: FastvmClient, sandbox: Pick<CloudSandbox, "id">): Promise<string[]> {
  const addresses = "ip -o addr show dev eth0 scope global | awk -F'[ /]+' '{print $4}'";
  const shown = `cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu; ${addresses}`;
  return (await sh(client, sandbox, shown)).split("\n");
}
