/** Verbs of VMs, each in a file that is loaded when the verb is typed. */
import { source } from "../../command-line/command-source.ts";

const console = source("console connect", async () => (await import("./console.ts")).consoleCommand());
const diff = source("diff", async () => (await import("./diff.ts")).diffCommand());
const exec = source("exec", async () => (await import("./exec.ts")).execCommand());
const fork = source("fork", async () => (await import("./fork.ts")).forkCommand());
const get = source("get info", async () => (await import("./get.ts")).vmGetCommand());
const inspect = source("inspect", async () => (await import("./inspect.ts")).inspectCommand());
const list = source("ls list", async () => (await import("./ls.ts")).vmListCommand());
const logs = source("logs", async () => (await import("./logs.ts")).logsCommand());
const pause = source("pause", async () => (await import("./pause.ts")).pauseCommand());
const power = source("stop start restart", async () => (await import("./power.ts")).powerCommands());
const prune = source("prune", async () => (await import("./prune.ts")).pruneCommand());
const remove = source("rm delete", async () => (await import("./rm.ts")).vmRemoveCommand());
const rename = source("rename", async () => (await import("./rename.ts")).vmRenameCommand());
const resume = source("resume unpause", async () => (await import("./resume.ts")).resumeCommand());
const stats = source("stats metrics", async () => (await import("./stats.ts")).vmStatsCommand());
const top = source("top", async () => (await import("./top.ts")).topCommand());
const update = source("update", async () => (await import("./update.ts")).updateCommand());
const wait = source("wait", async () => (await import("./wait.ts")).waitCommand());

/** What stands right behind `fastvm`, as hands know it from docker, beside the commands that the program names one by one. */
export const SHORT_VERBS = [
  ...[list, inspect, stats, top, wait, fork, pause, resume, power, rename, update, diff, prune],
];

/** Behind `fastvm vm`. */
export const VM_VERBS = [
  source("launch create", async () => (await import("./launch.ts")).launchCommand("request")),
  ...[list, get, exec, console, inspect, stats, top, wait, logs, fork, pause, resume, rename, update],
  ...[remove, power],
];

export { console as consoleVerb, exec as execVerb, logs as logsVerb, remove as removeVerb };
