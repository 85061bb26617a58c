/** Verbs that stand right behind `fastvm`, as hands know them from docker; each is `fastvm vm VERB` too. */
import type { Command } from "commander";
import { diffCommand } from "./diff.ts";
import { forkCommand } from "./fork.ts";
import { inspectCommand } from "./inspect.ts";
import { vmListCommand } from "./ls.ts";
import { pauseCommand } from "./pause.ts";
import { powerCommands } from "./power.ts";
import { pruneCommand } from "./prune.ts";
import { vmRenameCommand } from "./rename.ts";
import { resumeCommand } from "./resume.ts";
import { vmStatsCommand } from "./stats.ts";
import { topCommand } from "./top.ts";
import { updateCommand } from "./update.ts";
import { waitCommand } from "./wait.ts";

export function shortVerbs(): readonly Command[] {
  return [
    vmListCommand(),
    inspectCommand(),
    vmStatsCommand(),
    topCommand(),
    waitCommand(),
    forkCommand(),
    pauseCommand(),
    resumeCommand(),
    ...powerCommands(),
    vmRenameCommand(),
    updateCommand(),
    diffCommand(),
    pruneCommand(),
  ];
}
