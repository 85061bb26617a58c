/** GET …/preview-urls and DELETE …/preview-urls/{grantId}: what was granted, and its end. */
import { findMachine } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { previewGrantView } from "../../views/preview-grant-view.ts";

export function registerPreviewGrants({ routes, engine }: MachinesScope): void {
  routes.serve("listPreviewGrants", async ({ params, query }, caller) => {
    const { id } = await findMachine(engine, caller, params.machineId);
    const port = query["port"] === undefined ? undefined : Number(query["port"]);
    const grants = await engine.previews.list(caller, id, port);
    return { status: 200, body: { items: grants.map((grant) => previewGrantView(grant)) } };
  });
  routes.serve("revokePreviewGrant", async ({ params }, caller) => {
    const { id } = await findMachine(engine, caller, params.machineId);
    const grant = await engine.previews.revoke(caller, id, params.grantId);
    return { status: 200, body: { grant: previewGrantView(grant) } };
  });
}
