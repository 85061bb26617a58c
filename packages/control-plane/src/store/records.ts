/** The repositories, bound to one database handle: the store itself or one transaction of it. */
import type { VmId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import { ApiKeyRepository } from "./api-key-repository.ts";
import { AuditRepository } from "./audit-repository.ts";
import { BuildRepository } from "./build-repository.ts";
import type { ChangeListener } from "./change-notices.ts";
import { ConsoleTokenRepository } from "./console-token-repository.ts";
import { BucketRepository } from "./bucket-repository.ts";
import { InterceptionRepository } from "./interception-repository.ts";
import { EventRepository, type EventSink } from "./event-repository.ts";
import { OrganisationRepository } from "./organisation-repository.ts";
import { OwedRepository } from "./owed-repository.ts";
import { QuarantineRepository } from "./quarantine-repository.ts";
import { RegistryLoginRepository } from "./registry-login-repository.ts";
import { OrderKeyRepository } from "./order-key-repository.ts";
import { PreviewGrantRepository } from "./preview-grant-repository.ts";
import { SandboxRepository } from "./sandbox-repository.ts";
import type { Schema } from "./schema.ts";
import { SealedValueRepository } from "./sealed-value-repository.ts";
import { SnapshotRepository } from "./snapshot-repository.ts";
import { SshKeyRepository } from "./ssh-key-repository.ts";
import { TemplateRepository } from "./template-repository.ts";
import { VmRepository } from "./vm-repository.ts";
import { VolumeRepository } from "./volume-repository.ts";
import { WarmPoolRepository } from "./warm-pool-repository.ts";
import { WebhookDeliveryRepository } from "./webhook-delivery-repository.ts";
import { WebhookRepository } from "./webhook-repository.ts";

export interface Records {
  readonly organisations: OrganisationRepository;
  readonly apiKeys: ApiKeyRepository;
  readonly vms: VmRepository;
  readonly snapshots: SnapshotRepository;
  readonly volumes: VolumeRepository;
  readonly sshKeys: SshKeyRepository;
  readonly events: EventRepository;
  readonly consoleTokens: ConsoleTokenRepository;
  readonly owed: OwedRepository;
  readonly builds: BuildRepository;
  readonly quarantine: QuarantineRepository;
  readonly buckets: BucketRepository;
  readonly interceptions: InterceptionRepository;
  readonly sealedValues: SealedValueRepository;
  readonly registryLogins: RegistryLoginRepository;
  readonly orderKeys: OrderKeyRepository;
  readonly webhooks: WebhookRepository;
  readonly warmPools: WarmPoolRepository;
  readonly webhookDeliveries: WebhookDeliveryRepository;
  readonly previewGrants: PreviewGrantRepository;
  readonly sandboxes: SandboxRepository;
  readonly templates: TemplateRepository;
  readonly audit: AuditRepository;
}

/** `onVmChange` is called after a statement has changed a VM, which its transaction may still undo; `sink` writes events. */
export function recordsOf(db: Kysely<Schema>, onVmChange: ChangeListener<VmId>, sink: EventSink): Records {
  return {
    organisations: new OrganisationRepository(db),
    apiKeys: new ApiKeyRepository(db),
    vms: new VmRepository(db, onVmChange),
    snapshots: new SnapshotRepository(db),
    volumes: new VolumeRepository(db),
    sshKeys: new SshKeyRepository(db),
    events: new EventRepository(db, sink),
    consoleTokens: new ConsoleTokenRepository(db),
    owed: new OwedRepository(db),
    builds: new BuildRepository(db),
    quarantine: new QuarantineRepository(db),
    buckets: new BucketRepository(db),
    interceptions: new InterceptionRepository(db),
    sealedValues: new SealedValueRepository(db),
    registryLogins: new RegistryLoginRepository(db),
    orderKeys: new OrderKeyRepository(db),
    webhooks: new WebhookRepository(db),
    warmPools: new WarmPoolRepository(db),
    webhookDeliveries: new WebhookDeliveryRepository(db),
    previewGrants: new PreviewGrantRepository(db, onVmChange),
    sandboxes: new SandboxRepository(db),
    templates: new TemplateRepository(db),
    audit: new AuditRepository(db),
  };
}
