/** `fastvm snapshot`: the commands below it. */
import { Command } from "commander";
import { snapshotCreateCommand } from "./create.ts";
import { snapshotListCommand } from "./ls.ts";
import { snapshotRenameCommand } from "./rename.ts";
import { snapshotRestoreCommand } from "./restore.ts";
import { snapshotTreeCommand } from "./tree.ts";
import { snapshotRemoveCommand } from "./rm.ts";

export function snapshotCommand(): Command {
  return new Command("snapshot")
    .description("Work with snapshots")
    .addCommand(snapshotCreateCommand())
    .addCommand(snapshotListCommand())
    .addCommand(snapshotTreeCommand())
    .addCommand(snapshotRestoreCommand())
    .addCommand(snapshotRenameCommand())
    .addCommand(snapshotRemoveCommand());
}
