/** Which VM a snapshot was taken of, and which VMs go on from it, as a tree. */
import type { Snapshot, Vm } from "fastvm";
import { shortId } from "./format.ts";
import { printable } from "./table.ts";

interface Node {
  readonly label: string;
  readonly parentId: string | undefined;
}

/** A parent that is gone makes its children roots; a VM without snapshots above or below it is left out. */
export function snapshotTree(snapshots: readonly Snapshot[], vms: readonly Vm[]): string {
  const nodes = new Map<string, Node>();
  for (const { id, name, vmId } of snapshots) {
    nodes.set(id, { label: `snapshot ${shortId(id)}  ${printable(name)}`, parentId: vmId });
  }
  const isOrigin = new Set(snapshots.map(({ vmId }) => vmId));
  for (const { id, name, status, sourceSnapshotId, sourceVmId } of vms) {
    const parentId = sourceSnapshotId ?? sourceVmId;
    if (parentId === undefined && !isOrigin.has(id)) continue;
    nodes.set(id, { label: `vm ${shortId(id)}  ${printable(name)}  ${status}`, parentId });
  }
  const children = Map.groupBy(nodes, ([, { parentId }]) =>
    parentId && nodes.has(parentId) ? parentId : "",
  );
  return branchLines(children, "", "").join("\n");
}

function branchLines(
  children: ReadonlyMap<string, readonly [string, Node][]>,
  id: string,
  indent: string,
): string[] {
  const own = children.get(id) ?? [];
  return own.flatMap(([childId, { label }], at) => {
    if (id === "") return [label, ...branchLines(children, childId, " ")];
    const isLast = at === own.length - 1;
    const line = `${indent}${isLast ? "└─ " : "├─ "}${label}`;
    return [line, ...branchLines(children, childId, `${indent}${isLast ? "   " : "│  "}`)];
  });
}
