/** /v1/snapshot-imports: builds in other words. */
import { FastvmError } from "@fastvm/contract";
import { publicBase } from "../../../http/public-base.ts";
import { importOf } from "../builds/new-build.ts";
import type { FastvmScope } from "../fastvm-scope.ts";
import { snapshotImportView } from "../views/snapshot-import-view.ts";

export function registerSnapshotImports({ routes, engine, config }: FastvmScope): void {
  const { builds } = engine;

  routes.serve("presignImportContext", async ({ body, request }, caller) => {
    const place = builds.presign(caller, publicBase(config, request));
    const sizeBytes = body?.sizeBytes ?? 0;
    if (sizeBytes > place.maxBytes) {
      throw new FastvmError("invalid_request", `sizeBytes must be at most ${place.maxBytes}`, {
        field: "sizeBytes",
      });
    }
    const answer = {
      contextRef: place.reference,
      uploadUrl: place.uploadUrl,
      expiresInSec: place.lifetimeSec,
      maxUploadBytes: place.maxBytes,
    };
    return { status: 200, body: answer };
  });
  routes.serve("createSnapshotImport", async ({ body }, caller) => {
    const build = await builds.create(caller, importOf(builds, caller, body));
    return { status: 202, body: snapshotImportView(build) };
  });
  routes.serve("listSnapshotImports", async (_call, caller) => {
    return { status: 200, body: (await builds.list(caller)).map(snapshotImportView) };
  });
  routes.serve("getSnapshotImport", async ({ params }, caller) => {
    return { status: 200, body: snapshotImportView(await builds.get(caller, params.importId)) };
  });
  routes.serve("cancelSnapshotImport", async ({ params }, caller) => {
    return { status: 200, body: snapshotImportView(await builds.cancel(caller, params.importId)) };
  });
  routes.serve("deleteSnapshotImport", async ({ params }, caller) => {
    return { status: 200, body: { id: await builds.delete(caller, params.importId), deleted: true } };
  });
}
