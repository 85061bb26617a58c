import { newSnapshotId } from "@fastvm/contract";
import { expect, test } from "vitest";
import { ScriptedHost } from "../../testing/scripted-host.ts";
import { createSnapshot } from "../transitions/create-snapshot.ts";
import { foundSnapshots } from "./found-snapshots.ts";

test("a snapshot is found when it is whole, and never while it is being made", async () => {
  await using host = await ScriptedHost.open();
  const vm = await host.launch();
  const snapshotId = newSnapshotId();
  let meanwhile: unknown;
  await host.doAt(
    "publish.built",
    async () => (meanwhile = await foundSnapshots(host.context)),
    () => createSnapshot(host.context, vm, snapshotId),
  );
  expect(meanwhile).toEqual([]);
  expect(await foundSnapshots(host.context)).toEqual([snapshotId]);
});
