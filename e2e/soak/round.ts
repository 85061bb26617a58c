/** One round: something is done to the fleet, and in the middle of it a daemon or a QEMU ends, or a step fails. Then all must be well. */
import type { StepName } from "@fastvm/contract";
import { within } from "../harness/eventually.ts";
import { processesIn } from "../harness/processes.ts";
import type { Steps } from "../harness/steps.ts";
import type { Chance, Decks } from "./chance.ts";
import { OPERATIONS } from "./operations.ts";
import type { Attempt, Operation, Scene } from "./operations.ts";
import { survey } from "./survey.ts";
import type { Ended } from "./survey.ts";

/** What is done may wait for whatever was cut short, but not for ever. */
const CALL_DEADLINE_MS = 90_000;
const START_DEADLINE_MS = 120_000;
const SURVEY_DEADLINE_MS = 180_000;

/** Passed more often than once by most operations. */
const REPEATED_STEP = /^(file|journal|transaction|slot|start-guest|introduce)\./;
const REPEATED_TIMES = 4;
const SECOND_OPERATION = 0.3;
const KILLED_AT_START = 0.15;
/** A start passes some dozens of steps. */
const STEPS_OF_START = 40;
const KINDS = ["daemon", "daemon", "daemon", "daemon", "QEMU", "QEMU", "failure"] as const;
type Kind = (typeof KINDS)[number];

interface Wanted {
  readonly operation: string | undefined;
  readonly step: string | undefined;
}

interface Stage {
  readonly steps: Steps;
  readonly chance: Chance;
  readonly decks: Decks;
  readonly wanted: Wanted;
}

interface Plan {
  readonly kind: Kind;
  readonly operation: Operation;
  readonly step: StepName;
  readonly after: number;
  readonly code: string;
  readonly attempts: readonly Attempt[];
  readonly names: string;
}

/** `said` is told what the round is about as soon as that is clear. */
export async function playRound(stage: Stage, scene: Scene, said: (text: string) => void): Promise<void> {
  const plan = makePlan(stage, scene);
  said(describe(plan));
  const { ended, killed, doubted } = await (plan.kind === "daemon"
    ? endDaemon(stage, scene, plan, said)
    : endQemuOrFail(stage, scene, plan, said));
  const { client, daemon, fleet } = scene;
  await within(SURVEY_DEADLINE_MS, "the survey", survey({ client, daemon, fleet, ended, killed, doubted }));
  await within(SURVEY_DEADLINE_MS, "completing the fleet", fleet.complete());
}

function makePlan({ chance, decks, wanted }: Stage, scene: Scene): Plan {
  const kind = decks.deal<Kind>("kinds", KINDS);
  const eligible = OPERATIONS.filter(
    ({ name }) => wanted.operation === undefined || name === wanted.operation,
  );
  if (eligible.length === 0)
    throw new Error(
      `there is no operation "${wanted.operation}"; there are ${OPERATIONS.map(({ name }) => name).join(", ")}`,
    );
  for (;;) {
    const operation = decks.deal("operations", eligible);
    const first = operation.prepare(scene, []);
    const step =
      (wanted.step as StepName | undefined) ??
      decks.deal(`${kind} ${operation.name}`, stepsOf(kind, operation));
    const after = REPEATED_STEP.test(step) ? chance.below(REPEATED_TIMES) : 0;
    const code = chance.pick(["ENOSPC", "EIO"]) ?? "EIO";
    const other = chance.happens(SECOND_OPERATION) ? chance.pick(OPERATIONS) : undefined;
    if (first === undefined) continue;
    const second = other?.prepare(scene, first.about.length === 0 ? ["none"] : first.about);
    const attempts = second === undefined ? [first] : [first, second];
    const names = second === undefined ? operation.name : `${operation.name} and ${other?.name}`;
    return { kind, operation, step, after, code, attempts, names };
  }
}

/** Once a folder is published nothing of its publishing can fail any more. */
function stepsOf(kind: Kind, { steps }: Operation): readonly StepName[] {
  return kind === "failure" ? steps.filter((step) => step !== "publish.done") : steps;
}

function describe({ kind, step, after, code, names }: Plan): string {
  const what = kind === "failure" ? `${code} at` : `${kind} ends at`;
  return `${names}: ${what} ${step}${after === 0 ? "" : `, passed ${after} times before`}`;
}

async function endDaemon(
  { steps, chance }: Stage,
  { daemon }: Scene,
  plan: Plan,
  said: (text: string) => void,
): Promise<Result> {
  await steps.order({ step: plan.step, after: plan.after, effect: "kill" });
  const work = startAll(plan);
  await Promise.race([steps.reached(CALL_DEADLINE_MS).catch(() => undefined), work]);
  if (!steps.isReached) said("which is not passed, so at the end");
  await daemon.sigkill();
  const ended = await within(CALL_DEADLINE_MS, "calls to a daemon that is gone", work);
  await steps.clear();
  const again = chance.happens(KILLED_AT_START);
  const after = chance.below(STEPS_OF_START);
  if (again) {
    said(`again at the start, after ${after} steps`);
    await steps.order({ after, effect: "kill" });
    await within(
      START_DEADLINE_MS,
      "a start that is cut short",
      daemon.restart().catch(() => undefined),
    );
    await daemon.sigkill();
    await steps.clear();
  }
  await within(START_DEADLINE_MS, "the start of the daemon", daemon.restart());
  return { ended, killed: undefined, doubted: undefined };
}

interface Result {
  readonly ended: readonly Ended[];
  readonly killed: string | undefined;
  readonly doubted: string | undefined;
}

async function endQemuOrFail(
  { steps, chance }: Stage,
  scene: Scene,
  plan: Plan,
  said: (text: string) => void,
): Promise<Result> {
  const known = new Set(scene.fleet.members.keys());
  const isQemu = plan.kind === "QEMU";
  await steps.order({ step: plan.step, after: plan.after, effect: isQemu ? "stall" : { code: plan.code } });
  const work = startAll(plan);
  await Promise.race([steps.reached(CALL_DEADLINE_MS).catch(() => undefined), work]);
  if (!steps.isReached) {
    said("which is not passed");
    // What becomes of the QEMU that is ended now may pass it, and nobody would let it go on.
    await steps.clear();
  }
  let killed: string | undefined;
  let doubted: string | undefined;
  if (isQemu) {
    const about = plan.attempts[0]?.about ?? [];
    const victim = await chooseQemu(scene, chance, (id) => about.includes(id) || !known.has(id));
    if (victim !== undefined) process.kill(victim.pid, "SIGKILL");
    said(victim === undefined ? "there is no QEMU to end" : `ends ${victim.folder}`);
    const id = victim?.folder.replace("vms/", "");
    // A VM that stood by and dies on its way makes its launch go the long way: then it may well run, and is asked whether it does.
    const mayRun = (steps.isReached && plan.step.startsWith("restore.standby")) || !known.has(id ?? "");
    if (mayRun) doubted = id;
    else killed = id;
    await steps.release();
  }
  const ended = await within(CALL_DEADLINE_MS, "the calls", work);
  await steps.clear();
  return { ended, killed, doubted };
}

/** That of the VM which is worked on, or else one that waits. */
async function chooseQemu(
  { daemon }: Scene,
  chance: Chance,
  isMeant: (id: string) => boolean,
): Promise<{ pid: number; folder: string } | undefined> {
  const { dataDir } = daemon.config;
  const found = await processesIn(dataDir);
  const meant = found.filter(
    ({ folder }) => folder.startsWith("vms/") && isMeant(folder.slice("vms/".length)),
  );
  return chance.pick(meant) ?? chance.pick(found.filter(({ folder }) => !folder.startsWith("vms/")));
}

/** Side by side; resolves when all have come to their end, whichever. */
async function startAll({ attempts }: Plan): Promise<readonly Ended[]> {
  return await Promise.all(
    attempts.map(async (attempt) => {
      try {
        await attempt.start();
        return { ...attempt, succeeded: true };
      } catch (error) {
        return { ...attempt, succeeded: false, error };
      }
    }),
  );
}
