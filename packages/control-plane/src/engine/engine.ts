/**
 * The door of the engine, which decides about VMs and knows no API. APIs import this file alone: they parse a request, call a method,
 * and render what it resolves to. Every method throws errors of the catalogue, whose `field` names what was asked in the engine's words.
 */
import type { ServiceDirectory } from "@fastvm/contract";
import { Audit } from "./audit/audit.ts";
import { Builds } from "./builds/builds.ts";
import type { Caller } from "./caller.ts";
import type { LifecycleContext } from "./context.ts";
import type { EventFeed } from "./events/event-feed.ts";
import { History } from "./events/history.ts";
import { ConsoleTokens } from "./exec/console-tokens.ts";
import { Execs } from "./exec/execs.ts";
import { GuestFigures } from "./figures/guest-figures.ts";
import { Files } from "./files/files.ts";
import { FileSearch } from "./files/search-files.ts";
import { Images } from "./images/images.ts";
import { Keys } from "./keys/keys.ts";
import { SshKeys } from "./keys/ssh-keys.ts";
import { Networks } from "./network/networks.ts";
import { Operator } from "./operator/operator.ts";
import type { ActivityClock } from "./activity/activity-clock.ts";
import { OrderKeys } from "./orders/order-keys.ts";
import { Previews } from "./previews/previews.ts";
import { diskUsageOf, type OrganisationDiskUsage } from "./organisations/disk-usage.ts";
import { usageOf, type OrganisationUsage } from "./organisations/usage.ts";
import { Registries } from "./registries/registries.ts";
import { StoreServiceDirectory } from "./services/service-directory.ts";
import { Services } from "./services/services.ts";
import { Snapshots } from "./snapshots/snapshots.ts";
import { SshAccess } from "./ssh-access/ssh-access.ts";
import { Transfers } from "./transfers/transfers.ts";
import { Uploads } from "./uploads/uploads.ts";
import { Vms } from "./vms/vms.ts";
import { Sandboxes } from "./sandboxes/sandboxes.ts";
import { Volumes } from "./volumes/volumes.ts";
import type { EventTellers } from "./events/event-tellers.ts";
import { Pools } from "./pools/pools.ts";
import { Templates } from "./templates/templates.ts";
import { Webhooks } from "./webhooks/webhooks.ts";

export interface Engine {
  readonly vms: Vms;
  readonly snapshots: Snapshots;
  readonly volumes: Volumes;
  readonly sandboxes: Sandboxes;
  readonly networks: Networks;
  readonly services: Services;
  readonly previews: Previews;
  readonly keys: Keys;
  readonly sshKeys: SshKeys;
  readonly images: Images;
  readonly registries: Registries;
  readonly execs: Execs;
  readonly consoleTokens: ConsoleTokens;
  readonly files: Files;
  /** Files that come in parts. */
  readonly uploads: Uploads;
  /** Files for who has no key. */
  readonly transfers: Transfers;
  readonly sshAccess: SshAccess;
  /** Text in many files of a VM. */
  readonly fileSearch: FileSearch;
  readonly figures: GuestFigures;
  readonly builds: Builds;
  readonly events: EventFeed;
  /** What happened, for whoever looks back. */
  readonly history: History;
  /** Who changed what, and who tried to. */
  readonly audit: Audit;
  /** VMs that are ready before they are asked for. */
  readonly pools: Pools;
  /** Names of what is built, and which builds they mean. */
  readonly templates: Templates;
  /** Whom organisations want to be told of events. */
  readonly webhooks: Webhooks;
  /** An API that has webhooks says here how it tells of events. */
  readonly tellers: EventTellers;
  /** Orders under keys of their clients'. */
  readonly orderKeys: OrderKeys;
  readonly activity: ActivityClock;
  /** Over all organisations: for root alone, never for an API. */
  readonly operator: Operator;
  /** For the proxy of services. */
  readonly directory: ServiceDirectory;
  usage(caller: Caller): Promise<OrganisationUsage>;
  diskUsage(caller: Caller): Promise<OrganisationDiskUsage>;
  /** Resolves when that part answers. */
  probe(part: "store" | "worker"): Promise<void>;
}

export function engineOf(ctx: LifecycleContext): Engine {
  return {
    vms: new Vms(ctx),
    snapshots: new Snapshots(ctx),
    volumes: new Volumes(ctx),
    sandboxes: new Sandboxes(ctx),
    networks: new Networks(ctx),
    services: new Services(ctx),
    previews: new Previews(ctx),
    keys: new Keys(ctx),
    sshKeys: new SshKeys(ctx),
    images: new Images(ctx),
    registries: new Registries(ctx),
    execs: new Execs(ctx),
    consoleTokens: new ConsoleTokens(ctx),
    files: new Files(ctx),
    fileSearch: new FileSearch(ctx),
    uploads: new Uploads(ctx),
    transfers: new Transfers(ctx),
    sshAccess: new SshAccess(ctx),
    figures: new GuestFigures(ctx),
    builds: new Builds(ctx),
    events: ctx.events,
    history: new History(ctx),
    audit: new Audit(ctx),
    pools: new Pools(ctx),
    templates: new Templates(ctx),
    webhooks: new Webhooks(ctx),
    tellers: ctx.tellers,
    orderKeys: new OrderKeys(ctx),
    activity: ctx.activity,
    operator: new Operator(ctx),
    directory: new StoreServiceDirectory(ctx),
    usage: (caller) => usageOf(ctx, caller),
    diskUsage: (caller) => diskUsageOf(ctx, caller),
    probe: async (part) => void (await (part === "store" ? ctx.store.ping() : ctx.worker.capacity())),
  };
}

export { checkInterception } from "./interception/given.ts";
export type { AuditFilter, AuditRecord } from "../store/audit-repository.ts";
export type { Subject } from "./audit/subject-states.ts";
export type { GivenInterception } from "./interception/given.ts";
export type { AnyBuildPhase, BuildRecord } from "../store/build-repository.ts";
export type { BuildNews } from "./builds/live-build.ts";
export type { DockerfileSource, NewBuild } from "./builds/new-build.ts";
export type { MountUnderWay } from "./volumes/mounts-under-way.ts";
export type { EventFilter, EventKind, EventRecord } from "../store/event-repository.ts";
export type { SnapshotRecord } from "../store/snapshot-repository.ts";
export type { VmRecord } from "../store/vm-repository.ts";
export type { WrittenNetwork } from "../store/vm-settings.ts";
export { asFastvmError } from "../store/as-fastvm-error.ts";
export type { Caller } from "./caller.ts";
export { CONSOLE_TOKEN_SECONDS } from "./exec/console-tokens.ts";
export { familyOf, isMapped, isWholeFamily } from "./network/cidr.ts";
export { DomainList, normalizePattern } from "./network/domain-pattern.ts";
export { networkPolicyOf } from "./network/network-policy.ts";
export type { KeyRecord } from "./keys/api-keys.ts";
export type { KeyHolder } from "./keys/keys.ts";
export type { Operator, Organisation, Quarantined } from "./operator/operator.ts";
export { DEFAULT_POLICY, EVERY_NAME, policyOf } from "./network/policy.ts";
export type { ActivityClock } from "./activity/activity-clock.ts";
export type { OrderKey } from "./orders/order-keys.ts";
export type { PreviewGrantRecord, PreviewTokens } from "./previews/previews.ts";
export { checkServiceName } from "./services/services.ts";
export { imageName } from "./vms/own-image.ts";
export type { ForkOrder, ForkOutcome } from "./vms/fork.ts";
export { cpuPercent } from "./figures/parse-figures.ts";
export type { Figures, GuestProcess } from "./figures/parse-figures.ts";
export type { HostRoot, ImagePullOrder } from "./images/images.ts";
export { idleEndOf, idleOf, idleSettings, lifeSettings, maxLifeOf } from "./vms/lifecycle-policy.ts";
export type { LaunchOrder } from "./vms/launch.ts";
export type { VmChange, VmFigures } from "./vms/vms.ts";
export type { MountOrder, SkippedMount } from "./volumes/mount-list.ts";
export { bucketOf } from "./volumes/rotate-bucket.ts";
export type { Attachment } from "./volumes/attach.ts";
export type { VolumeFigures } from "./volumes/volumes.ts";
export type { RecordedMount } from "../store/vm-settings.ts";
export type { EventTeller, Letter } from "./events/event-tellers.ts";
export { isOfPool } from "./events/of-pool.ts";
export type { WebhookRecord } from "../store/webhook-repository.ts";
export type { WebhookDelivery } from "../store/webhook-delivery-repository.ts";
export type { PoolCounts, PoolOrder } from "./pools/pools.ts";
export type { BuildOfTemplate, TemplateDetails, TemplateOrder } from "./templates/templates.ts";
export { DEFAULT_TEMPLATE_TAG } from "./vms/template-build.ts";
export type { WarmPoolRecord } from "../store/warm-pool-repository.ts";
export { partCountOf } from "./uploads/uploads.ts";
export type { Upload } from "../staging/upload-ledger.ts";
export type { TransferGrant } from "./transfers/transfers.ts";
export type { Sandbox, SandboxOrder } from "./sandboxes/sandboxes.ts";
