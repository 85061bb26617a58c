/** Snapshots without a guest's free memory: smaller, and all that the guest had is there. */
import { newSnapshotId, newVmId } from "@fastvm/contract";
import type { SnapshotId, SnapshotOptions } from "@fastvm/contract";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PagesHelper } from "../../memory/pages-helper.ts";
import { openSnapshot } from "../../snapshot/folder.ts";
import { inGuest, TestContext } from "../../testing/test-context.ts";
import { DENY_ALL } from "../../testing/test-worker.ts";
import type { Vm } from "../state/vm.ts";
import { snapshotFolder } from "../state/worker-context.ts";
import { createSnapshot } from "../transitions/create-snapshot.ts";
import { fork } from "../transitions/fork.ts";

const MIB = 1024 ** 2;
const FILES_MIB = 120;
/** Takes memory, writes it and gives it back without end, and looks after all that it has. Ends when a byte of it is another. */
const HOLDER = `
import hashlib, random
kept = random.Random(1).randbytes(4 << 20)
known = hashlib.md5(kept).digest()
taken, turn = [], 0
while True:
    turn += 1
    taken.append((turn % 251, bytearray([turn % 251]) * (256 << 10)))
    if len(taken) > 40: del taken[random.randrange(40)]
    for value, block in random.sample(taken, min(4, len(taken))):
        if block.count(value) != len(block): raise SystemExit("a block is not what it was")
    if turn % 5 == 0 and hashlib.md5(kept).digest() != known: raise SystemExit("what was kept is not what it was")
    open("/run/turn", "w").write(str(turn))
`;

const { tracksWrites, detail } = await PagesHelper.probe();

describe.skipIf(!tracksWrites)(`with reclaim${tracksWrites ? "" : `: skipped, ${detail}`}`, () => {
  let host: TestContext;
  let vm: Vm;

  beforeAll(async () => {
    host = await TestContext.open();
    vm = await host.launch();
    await inGuest(
      vm,
      `cat > /root/holder.py <<'END'\n${HOLDER}\nEND
      python3 /root/holder.py > /root/holder.log 2>&1 &
      for n in 1 2 3 4; do yes "file $n" | head -c ${FILES_MIB / 4}M > /root/file$n; done
      md5sum /root/file? > /root/sums`,
    );
  }, 180_000);

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
    expect(host.errors).toEqual([]);
  });

  async function snapshotOf(source: Vm, options: SnapshotOptions = {}) {
    const snapshotId = newSnapshotId();
    const answer = await createSnapshot(host.context, source, snapshotId, options);
    const opened = await openSnapshot(snapshotFolder(host.context.config, snapshotId));
    const files = opened?.manifest.pages?.files ?? [];
    return { snapshotId, answer, bytes: files.reduce((sum, file) => sum + file.bytes, 0) };
  }

  async function restore(snapshotId: SnapshotId): Promise<Vm> {
    return await host.launch({ vmId: newVmId(), source: { kind: "snapshot", snapshotId } });
  }

  /** It leaves the host's processors to others. */
  async function rest(done: Vm): Promise<void> {
    await inGuest(done, `pkill -f "[h]older.py"`);
  }

  /** Its process goes on, its files are as they were, and its kernel has found nothing wrong. */
  async function expectWhole(found: Vm): Promise<void> {
    const said = await inGuest(
      found,
      `before=$(cat /run/turn)
      md5sum --quiet -c /root/sums
      until [ "$(cat /run/turn)" -gt "$((before + 10))" ] 2>/dev/null || ! pgrep -f "[h]older.py" >/dev/null; do sleep 0.1; done
      cat /root/holder.log
      dmesg | grep -E 'BUG|Oops|Bad page|general protection|EXT4-fs error'
      pgrep -fc "[h]older.py"`,
    );
    expect(said).toBe("1");
  }

  test("a guest that writes on is captured without its page cache, and is whole again and again", async () => {
    // What leaving out free pages stands on.
    expect(await inGuest(vm, "dmesg | grep -o 'heap free:[a-z]*'")).toBe("heap free:off");
    const small = await snapshotOf(vm, { reclaim: true });
    // Some of what was free has been taken by its process.
    expect(small.answer.reclaimedBytes).toBeGreaterThan((FILES_MIB / 2) * MIB);
    await inGuest(vm, "cat /root/file? > /dev/null");
    const whole = await snapshotOf(vm);
    expect(small.bytes).toBeLessThan(whole.bytes / 2);
    await expectWhole(vm);
    await rest(vm);

    const restored = await restore(small.snapshotId);
    await expectWhole(restored);
    const again = await restore((await snapshotOf(restored, { reclaim: true })).snapshotId);
    await rest(restored);
    await expectWhole(again);
    const order = { vmId: newVmId(), identity: vm.record.identity, network: DENY_ALL };
    await fork(host.context, again, [order]);
    await rest(again);
    const child = host.context.vms.get(order.vmId);
    if (child === undefined) throw new Error("the fork has no child");
    await expectWhole(child);
  }, 240_000);
});
