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
import { UploadLedger } from "./upload-ledger.ts";
import { StagingObjects, type StagingObjectsOptions } from "./staging-objects.ts";

const HOUR_MS = 3_600_000;
/** As long as the published clients count on. */
export const STAGING_LIFETIME_SEC = 24 * 3600;

export interface Staging extends StagingParts {
  /** What guests are served with, as a URL has it. */
  readonly protocol: "http:" | "https:";
  /** Makes the folder and forgets what is too old from then on. Resolves to the function that stops it and removes the folder. */
  start(): Promise<() => Promise<void>>;
  /** Serves a connection that the guest's agent carried to us: staging URLs, and nothing else of the API. */
  acceptFromGuest(connection: Duplex): void;
  /** Uploads in parts, whose parts are objects. */
  readonly uploads: UploadLedger;
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
  const handle: RequestListener = (request, response) => {
    void handleStaging(parts, request, response, "when done");
  };
  const serveGuest = serveGuests(takingTurns(handle, STRANGER_LIMITS), tls);
  return {
    ...parts,
    protocol: tls === undefined ? "http:" : "https:",
    start: async () => {
      await parts.objects.open();
      const timer = setInterval(() => {
        parts.objects
          .expire(clock.now() - STAGING_LIFETIME_SEC * 1000)
          .catch((error: unknown) => log.error({ err: error }, "old staging objects could not be removed"));
      }, HOUR_MS);
      timer.unref();
      return async () => {
        clearInterval(timer);
        await parts.objects.remove();
      };
    },
    acceptFromGuest: (connection) => {
      connection.on("error", () => connection.destroy());
      serveGuest(connection);
    },
    uploads,
    deleteOf: async (vmId) => {
      uploads.deleteOf(vmId);
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
