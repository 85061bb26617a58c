/** The staging area as one thing: signed URLs, objects, and the servers of both ends. */
import type { RequestListener } from "node:http";
import type { Duplex } from "node:stream";
import type { OrgId, VmId } from "@fastvm/contract";
import { namingRequests } from "../http/request-ids.ts";
import type { Clock } from "../clock.ts";
import type { TlsFiles } from "../http/api-server.ts";
import { STRANGER_LIMITS } from "../http/strangers/stranger-limits.ts";
import { takingTurns } from "../http/strangers/taking-turns.ts";
import type { Log } from "../log.ts";
import type { Store } from "../store/store.ts";
import { serveGuests } from "./guest-server.ts";
import { SignedUrls } from "./signed-urls.ts";
import { organisationOf, type StagingHolder } from "./staging-holder.ts";
import { handleStaging, type StagingParts } from "./staging-handler.ts";
import { adoptUploads, leaveUploads } from "./kept-uploads.ts";
import { UploadLedger } from "./upload-ledger.ts";
import { UploadRecords } from "./upload-records.ts";
import { StagingObjects, type StagingObjectsOptions } from "./staging-objects.ts";

const HOUR_MS = 3_600_000;
/** As long as the published clients count on. */
export const STAGING_LIFETIME_SEC = 24 * 3600;

export interface Staging extends StagingParts {
  /** What guests are served with, as a URL has it. */
  readonly protocol: "http:" | "https:";
  /** Makes the folder and forgets what is too old from then on. Resolves to the function that stops it, and removes all but uploads. */
  start(): Promise<() => Promise<void>>;
  /** Serves a connection that the guest's agent carried to us: staging URLs, and nothing else of the API. */
  acceptFromGuest(connection: Duplex): void;
  /** Uploads in parts, whose parts are objects. */
  readonly uploads: UploadLedger;
  /** What is known of them when this daemon has ended. */
  readonly uploadRecords: UploadRecords;
  deleteOf(vmId: VmId): Promise<void>;
}

interface StagingOptions extends StagingObjectsOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Of the API, whose URLs are the same for guests. */
  readonly tls?: TlsFiles | undefined;
}

export function createStaging({ clock, tls, ...options }: StagingOptions): Staging {
  const log = namingRequests(options.log);
  const parts: StagingParts = { urls: new SignedUrls(), objects: new StagingObjects(options), clock, log };
  const uploads = new UploadLedger();
  const uploadRecords = new UploadRecords(options.folder);
  const handle: RequestListener = (request, response) => {
    void handleStaging(parts, request, response, "when done");
  };
  const serveGuest = serveGuests(takingTurns(handle, STRANGER_LIMITS), tls);
  const kept = { objects: parts.objects, uploads, uploadRecords };
  const forgetOld = async (): Promise<void> => {
    const now = clock.now();
    await parts.objects.expire(now - STAGING_LIFETIME_SEC * 1000);
    for (const { id } of uploads.expire(now)) await uploadRecords.remove(id);
  };
  return {
    ...parts,
    protocol: tls === undefined ? "http:" : "https:",
    start: async () => {
      await adoptUploads({ ...kept, now: clock.now(), ownerOf: options.ownerOf });
      const timer = setInterval(() => {
        forgetOld().catch((error: unknown) =>
          log.error({ err: error }, "old staging objects could not be removed"),
        );
      }, HOUR_MS);
      timer.unref();
      return async () => {
        clearInterval(timer);
        await leaveUploads(kept);
      };
    },
    acceptFromGuest: (connection) => {
      connection.on("error", () => connection.destroy());
      serveGuest(connection);
    },
    uploads,
    uploadRecords,
    deleteOf: async (vmId) => {
      for (const { id } of uploads.deleteOf(vmId)) await uploadRecords.remove(id);
      await parts.objects.deleteOf(vmId);
    },
  };
}

/** Whose upload is counted; nobody's when the VM that it is for is gone or about to go. */
export async function stagingOwner(store: Store, holder: StagingHolder): Promise<OrgId | undefined> {
  const orgId = organisationOf(holder);
  if (orgId !== undefined) return orgId;
  const vm = await store.vms.get(holder as VmId);
  return vm === undefined || vm.status === "deleting" ? undefined : vm.orgId;
}
