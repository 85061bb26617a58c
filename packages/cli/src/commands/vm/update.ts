/** `fastvm update`: changes what can be changed of VMs that are there. */
import type { Command } from "commander";
import type { IdlePolicy, MaxLife, UpdateVmParams, Vm, VmTtl } from "fastvm";
import { collect, keyValue } from "../../command-line/option-values.ts";
import { showVms } from "../../output/show-vms.ts";
import type { Session } from "../../session.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { readPolicy } from "../firewall/policy-file.ts";
import { vmIdFor } from "../resolve.ts";
import { addPolicyChanges } from "./lifecycle-policy.ts";
import { readInterception, SECRETS_TEXT } from "./interception-file.ts";
import { timeToLive, TTL_TEXT } from "./time-to-live.ts";

interface UpdateOptions {
  readonly name?: string;
  readonly metadata?: Record<string, string>;
  readonly metadataRm?: readonly string[];
  /** False: none any more. */
  readonly ttl?: VmTtl | false;
  readonly maxLife?: MaxLife | false;
  readonly idle?: IdlePolicy | false;
  readonly autoResume?: boolean;
  readonly firewall?: string;
  readonly secrets?: string;
}

export function updateCommand(): Command {
  return apiCommand<UpdateOptions>({
    name: "update",
    operands: ["<vm...>"],
    summary:
      "Change VMs: name, labels, when they end by themselves, firewall, and whether requests wake them",
    configure: (command) =>
      addPolicyChanges(command)
        .option("-n, --name <name>", "another name")
        .option("--metadata <key=value>", "label to set; others stay; may be repeated", keyValue)
        .option("--metadata-rm <key>", "label to take away; may be repeated", collect)
        .option("--ttl <time[:action]>", `${TTL_TEXT}; it counts anew from now`, timeToLive)
        .option("--no-ttl", "let it run for ever")
        .option("--auto-resume", "let requests to its services wake it when it is paused")
        .option("--no-auto-resume", "let it sleep")
        .option("--firewall <file>", "its policy: JSON as `firewall set --policy` has it")
        .option("--secrets <file>", SECRETS_TEXT),
    run: async ({ session, operands, options }) => {
      const isOther = options.firewall !== undefined || options.secrets !== undefined;
      if (Object.keys(changesOf(options, {})).length === 0 && !isOther)
        throw new UserError("Nothing is to change", "See what can: fastvm update --help");
      if (options.name !== undefined && operands.length > 1)
        throw new UserError("Several VMs cannot get one name", "Name them one by one: fastvm rename VM NAME");
      const vmIds = await Promise.all(operands.map((vm) => vmIdFor(session, vm)));
      const changed: Vm[] = [];
      const intercepted = await readInterception(options.secrets);
      for (const vmId of vmIds) changed.push(await update(session, vmId, options, intercepted));
      showVms(session, changed);
    },
  });
}

async function update(
  { client, signal }: Session,
  vmId: string,
  options: UpdateOptions,
  intercepted: Pick<UpdateVmParams, "secrets" | "tls">,
): Promise<Vm> {
  const policy = options.firewall === undefined ? undefined : await readPolicy(options.firewall);
  const now = await client.vms.get(vmId, { signal });
  const changes = { ...changesOf(options, now.metadata ?? {}), ...intercepted };
  if (policy !== undefined) await client.vms.setFirewall(vmId, policy, { signal });
  if (Object.keys(changes).length === 0) return await client.vms.get(vmId, { signal });
  return await client.vms.update(vmId, changes, { signal });
}

/** The API replaces labels as a whole. */
function changesOf(options: UpdateOptions, labels: Readonly<Record<string, string>>): UpdateVmParams {
  const { name, metadata, metadataRm, ttl, maxLife, idle, autoResume } = options;
  const gone = new Set(metadataRm);
  const kept = Object.entries({ ...labels, ...metadata }).filter(([key]) => !gone.has(key));
  return {
    ...(name === undefined ? {} : { name }),
    ...(metadata === undefined && metadataRm === undefined ? {} : { metadata: Object.fromEntries(kept) }),
    ...(ttl === undefined ? {} : { ttl: orNone(ttl) }),
    ...(maxLife === undefined ? {} : { maxLife: orNone(maxLife) }),
    ...(idle === undefined ? {} : { idle: orNone(idle) }),
    ...(autoResume === undefined ? {} : { autoResume }),
  };
}

function orNone<T>(given: T | false): T | null {
  return given === false ? null : given;
}
