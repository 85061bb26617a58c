/** POST …/files/search and …/files/replace. What is reserved is passed over. */
import { clientGone } from "../../../shared/client-gone.ts";
import { isReserved, machinePath } from "../../machine-path.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { runningMachine } from "./running-machine.ts";

const DEFAULT_LIMIT = 100;

interface Looked {
  readonly path: string;
  readonly name?: string | null;
  readonly case_sensitive?: boolean | null;
}

export function registerSearch(api: MachinesScope): void {
  const { routes, engine } = api;
  routes.serve("searchMachineFiles", async ({ body, params, reply }, caller) => {
    const { id } = await runningMachine(api, caller, params.machineId);
    const { text, limit } = body;
    const order = {
      ...orderOf(body, clientGone(reply)),
      text: text ?? undefined,
      limit: limit ?? DEFAULT_LIMIT,
    };
    const { items, truncated } = await engine.fileSearch.find(id, order);
    const matches = items.map(({ path, line, text: shown }) => ({
      path,
      line: line ?? null,
      text: shown ?? null,
    }));
    return { status: 200, body: { matches, truncated } };
  });
  routes.serve("replaceInMachineFiles", async ({ body, params, reply }, caller) => {
    const { id } = await runningMachine(api, caller, params.machineId);
    const { text, replacement, dry_run } = body;
    const isDry = dry_run ?? false;
    const order = { ...orderOf(body, clientGone(reply)), text, replacement, isDry };
    const { items: files, truncated } = await engine.fileSearch.replace(id, order);
    const replacements = files.reduce((sum, file) => sum + file.replacements, 0);
    return { status: 200, body: { files: [...files], replacements, dry_run: isDry, truncated } };
  });
}

function orderOf({ path, name, case_sensitive }: Looked, signal: AbortSignal) {
  return {
    path: machinePath(path, "path"),
    name: name ?? undefined,
    isCaseSensitive: case_sensitive ?? true,
    isPassedOver: isReserved,
    signal,
  };
}
