/**
 * Builds of five languages by the examples of their official images, and how long each phase takes: the first time, when all steps run and
 * the image has never booted, and again with nothing changed. What is built is launched, and says hello.
 */
import type { SnapshotImportEvent } from "fastvm";
import {
  contextOf,
  LANGUAGES,
  loadLanguage,
  removeLanguage,
  type Language,
} from "../builds/language-images.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";

/** As the API calls them; the last two make the snapshot of the image. */
export const BUILD_PHASES = [
  "preparing",
  "fetch_context",
  "pull",
  "build",
  "export",
  "saving",
  "warming",
] as const;
export type MeasuredPhase = (typeof BUILD_PHASES)[number];
export const BUILD_TURNS = ["first", "again"] as const;
export type BuildTurn = (typeof BUILD_TURNS)[number];

/** Seconds by phase; of one that was skipped nothing. */
type PhaseTimes = Readonly<Partial<Record<MeasuredPhase, number>>>;
export type BuildTimes = ReadonlyMap<Language, Readonly<Record<BuildTurn, PhaseTimes>>>;

const MS_PER_SECOND = 1_000;

/** `progress`: told of each as it has ended, as all of them take long. */
export async function measureBuilds(
  { daemon, client }: Session,
  progress: (text: string) => void,
): Promise<BuildTimes> {
  const times = new Map<Language, Record<BuildTurn, PhaseTimes>>();
  const turn = async (language: Language, name: BuildTurn): Promise<PhaseTimes> => {
    const taken = await buildOnce(client, language, name === "first");
    const phases = Object.entries(taken).map(([phase, seconds]) => `${phase} ${seconds.toFixed(1)} s`);
    progress(`built ${language}, ${name}: ${phases.join(", ")}`);
    return taken;
  };
  for (const language of LANGUAGES) {
    await loadLanguage(daemon, language);
    try {
      times.set(language, { first: await turn(language, "first"), again: await turn(language, "again") });
    } finally {
      await removeLanguage(daemon, language);
    }
  }
  return times;
}

async function buildOnce(
  client: Session["client"],
  language: Language,
  noCache: boolean,
): Promise<PhaseTimes> {
  const building = client.build({ contextDir: contextOf(language), machineType: MACHINE_TYPE, noCache });
  const snapshot = await building;
  const { id } = await building.begun;
  const { events } = await client.snapshotImports.retrieve(id);
  const vm = await client.vms.launch({ snapshotId: snapshot.id });
  const { stdout, stderr } = await client.vms.run(vm, COMMANDS[language]);
  if (stdout !== `hello from ${language}\n`) throw new Error(`What was built says ${stdout}${stderr}`);
  await client.vms.delete(vm);
  await client.snapshotImports.delete(id);
  return timesOf(events);
}

/** What each Dockerfile's CMD does in its WORKDIR, which a launch of the image does not run. */
const COMMANDS: Readonly<Record<Language, string>> = {
  python: "cd /usr/src/app && python3 ./app.py",
  node: "cd /usr/src/app && node app.js",
  go: "/usr/local/bin/app",
  ruby: "cd /usr/src/app && ./app.rb",
  gcc: "cd /usr/src/app && ./app",
};

function timesOf(events: readonly SnapshotImportEvent[]): PhaseTimes {
  const times: Partial<Record<MeasuredPhase, number>> = {};
  for (const phase of BUILD_PHASES) {
    const at = (status: string): number | undefined =>
      events.find((event) => event.phase === phase && event.status === status)?.timestampMs;
    const [started, completed] = [at("started"), at("completed")];
    if (started !== undefined && completed !== undefined)
      times[phase] = (completed - started) / MS_PER_SECOND;
  }
  return times;
}
