/** Work as programs do it, in a fresh VM of the base image: many files, processes and transactions. */
import { describe, expect, test } from "vitest";
import { freshVm } from "../harness/fresh-vm.ts";

const DEADLINE_MS = 600_000;
/** Of 500 in a folder each; `FASTVM_TEST_SMALL_FILES=50000` in front of `./test e2e e2e/guest/load.test.ts` makes more of them. */
const FILES = Number(process.env["FASTVM_TEST_SMALL_FILES"] ?? 10_000);

const SMALL_FILES = `
import hashlib, os
root = "/root/small"
digest = hashlib.sha256()
for n in range(${FILES}):
    if n % 500 == 0:
        os.makedirs(f"{root}/{n // 500}")
    with open(f"{root}/{n // 500}/{n}", "w") as file:
        file.write(f"file {n}")
count = 0
for folder, _, names in os.walk(root):
    for name in names:
        count += open(f"{folder}/{name}").read() == f"file {name}"
print(count)
`;

const PROCESSES = `
import multiprocessing, os
def square(n):
    return n * n
if __name__ == "__main__":
    with multiprocessing.Pool(4) as pool:
        print(sum(pool.imap_unordered(square, range(2000), chunksize=50)))
    lock, total = multiprocessing.Lock(), multiprocessing.Value("q", 0)
    queue = multiprocessing.Queue()
    def work():
        for _ in range(100):
            with lock:
                total.value += 1
        queue.put(os.getpid())
    workers = [multiprocessing.Process(target=work) for _ in range(4)]
    for worker in workers: worker.start()
    print(len({queue.get() for _ in workers}))
    for worker in workers: worker.join()
    print(total.value)
`;

const SQLITE = `
import sqlite3, threading
path = "/root/load.db"
with sqlite3.connect(path) as db:
    print(db.execute("PRAGMA journal_mode=WAL").fetchone()[0])
    db.execute("CREATE TABLE t (writer INTEGER, n INTEGER, text TEXT)")
def write(writer):
    db = sqlite3.connect(path, timeout=120)
    for n in range(100):
        with db:
            db.execute("INSERT INTO t VALUES (?, ?, ?)", (writer, n, "x" * 500))
threads = [threading.Thread(target=write, args=(w,)) for w in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
db = sqlite3.connect(path)
print(db.execute("SELECT count(*) FROM t").fetchone()[0], db.execute("PRAGMA integrity_check").fetchone()[0])
`;

describe("in a fresh VM of the base image", () => {
  const fresh = freshVm("c2m4", "load");

  const run = (command: string): Promise<string> => fresh.sh(command, { timeoutMs: DEADLINE_MS });

  test("thousands of small files are written and read", { timeout: DEADLINE_MS }, async () => {
    expect(await run(`python3 - <<'END'\n${SMALL_FILES}END`)).toBe(`${FILES}`);
  });

  test("Python's processes share locks, values and queues", { timeout: DEADLINE_MS }, async () => {
    expect(await run(`cat > /root/p.py <<'END'\n${PROCESSES}END\npython3 /root/p.py`)).toBe(
      `${(1999 * 2000 * 3999) / 6}\n4\n400`,
    );
  });

  test("SQLite takes four writers at once", { timeout: DEADLINE_MS }, async () => {
    expect(await run(`python3 - <<'END'\n${SQLITE}END`)).toBe("wal\n400 ok");
  });
});
