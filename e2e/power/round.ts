/** One cut: something is done, the power goes at some moment of it, and everything that was told to be kept must be there. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Snapshot, Vm } from "fastvm";
import { within } from "../harness/eventually.ts";
import type { Act, Promised, Scene } from "./acts.ts";
import { judge } from "./judge.ts";
import type { PowerStage } from "./stage.ts";
import { Writer } from "./writer.ts";

const ANSWER_MS = 120_000;
/** What an act takes until it was seen: a capture, a boot under emulation. */
const QUICK_MS = 1500;
const SLOW_MS = 12_000;
/** Some cuts come when it is over. */
const PAST_ITS_END = 1.2;
/** A VM that is not strict has been settled by then: within a second, and what that takes of a disk and processors that others use, too. */
const SETTLED_MS = 6_000;
/** The guest has begun to write. */
const WRITTEN_FIRST = 3;
const POLL_MS = 10;

/** How long each act took when it was answered, the longest. */
type Durations = Map<string, number>;

/** `moment`: from 0 to 1, from its beginning to its end. */
export async function playCut(
  stage: PowerStage,
  act: Act,
  { moment, durations }: { readonly moment: number; readonly durations: Durations },
): Promise<string> {
  const scene = await set(stage, act);
  const settled = act.letsRelaxedBe === true ? sleep(SETTLED_MS) : undefined;
  const writer = Writer.begin(scene.client, scene.strict);
  const daemonPid = await stage.daemon.pid();
  await within(ANSWER_MS, "the first lines", untilWriting(writer));
  await settled;
  const longest = durations.get(act.name) ?? (act.isSlow === true ? SLOW_MS : QUICK_MS);
  const delayMs = Math.floor(moment * longest * PAST_ITS_END);

  const doing = begin(act, scene, durations);
  await sleep(delayMs);
  const promised = doing.promised();
  const { acknowledged } = writer;
  await stage.cutPower(daemonPid);
  await Promise.all([doing.ended, writer.ended()]);
  await stage.bringPowerBack();

  await judge(stage, { act, scene, promised: promised ?? {}, acknowledged });
  await clear(stage);
  const answered = promised === undefined ? "under way" : "answered";
  return `${act.name} cut after ${delayMs} ms, ${answered}, ${acknowledged} lines synced`;
}

async function set({ client, base }: PowerStage, { needsSpare = false }: Act): Promise<Scene> {
  const [relaxed, strict] = await Promise.all([
    client.vms.launch({ snapshotId: base.id }),
    client.vms.launch({ snapshotId: base.id, durability: "strict" }),
  ]);
  const spare: Snapshot | undefined = needsSpare
    ? await client.snapshots.create({ vmId: relaxed.id })
    : undefined;
  return { client, base, relaxed, strict, ...(spare === undefined ? {} : { spare }) };
}

async function untilWriting(writer: Writer): Promise<void> {
  while (writer.acknowledged < WRITTEN_FIRST) await sleep(POLL_MS);
}

interface Doing {
  /** What was answered until now. */
  readonly promised: () => Promised | undefined;
  readonly ended: Promise<void>;
}

function begin(act: Act, scene: Scene, durations: Durations): Doing {
  const startedAt = performance.now();
  let promised: Promised | undefined;
  const ended = act.run(scene).then(
    (answer) => {
      promised = answer;
      const tookMs = performance.now() - startedAt;
      durations.set(act.name, Math.max(tookMs, durations.get(act.name) ?? 0));
    },
    // The power was cut, or something stood in its way that is seen below.
    () => undefined,
  );
  return { promised: () => promised, ended };
}

/** All but the base, so that each cut finds the same. */
async function clear({ client, base }: PowerStage): Promise<void> {
  const [vms, snapshots] = await Promise.all([client.vms.list(), client.snapshots.list()]);
  await Promise.all([
    ...vms.map((vm: Vm) => client.vms.delete(vm)),
    ...snapshots.filter(({ id }) => id !== base.id).map((snapshot) => client.snapshots.delete(snapshot)),
  ]);
}
