/** What people are told of what buildah prints. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const PART = 65_536;
/** Prints each line as JSON, then what is known in the end. */
const PROGRAM = `
import builtins, io, json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import build_log
order = json.load(sys.stdin)
log = build_log.Log([secret.encode() for secret in order["secrets"]])
lines = []
build_log.print = lambda line, flush: lines.append(line)
for line in log.lines_of(io.BytesIO("".join(order["printed"]).encode())):
    log.take(line)
json.dump({"lines": lines, "ran": log.ran, "cached": log.cached, "failure": log.failure()}, sys.stdout)
`;

interface Told {
  readonly lines: readonly string[];
  readonly ran: number;
  readonly cached: number;
  readonly failure: string;
}

async function told(printed: readonly string[], secrets: readonly string[] = []): Promise<Told> {
  const running = run("python3", ["-c", PROGRAM, FOLDER], { maxBuffer: MAX_OUTPUT_BYTES });
  running.child.stdin?.end(JSON.stringify({ printed, secrets }));
  return JSON.parse((await running).stdout) as Told;
}

test("steps are counted by whether they ran, and of one that failed its own lines are told", async () => {
  const printed = [
    "STEP 1/4: FROM base\n",
    "STEP 2/4: ENV A=1\n",
    "--> Using cache 0123\n",
    "[2/2] STEP 3/4: RUN false\n",
    "what is wrong\n",
    "subprocess exited with status 1\n",
  ];
  expect(await told(printed)).toMatchObject({
    ran: 1,
    cached: 1,
    failure: "[2/2] STEP 3/4: RUN false\nwhat is wrong",
  });
});

test("no line of a secret is told, the longer of two first, and words that are short stay", async () => {
  const secrets = ["first line\nsecond line\n", "first line of all", "short"];
  const { lines } = await told(["a first line of all\n", "second line; a short first line\n"], secrets);
  expect(lines).toEqual(["a ***", "***; a short ***"]);
});

test("a line without an end is told in parts", async () => {
  const { lines } = await told(["x".repeat(3 * PART), "\nend"]);
  expect(lines.map((line) => line.length)).toEqual([PART, PART, PART, 0, 3]);
});

test.each([0, 1, 5, 11, 12])("nor is a secret told that lies %i bytes over the cut", async (over) => {
  const secret = "t0p-s3cr3t-x";
  const printed = `${"x".repeat(PART - secret.length + over)}${secret}${"y".repeat(PART)}`;
  const { lines } = await told([printed, "\n"], [secret]);
  expect(lines.join("")).toBe(printed.replace(secret, "***"));
});

test("the last lines of a step are told when they are many", async () => {
  const printed = Array.from({ length: 5000 }, (_, number) => `line ${number}\n\n`);
  const { failure } = await told(["STEP 1/1: RUN seq\n", ...printed]);
  expect(failure).toMatch(/line 4999$/);
  expect(failure.length).toBeGreaterThan(3000);
  expect(failure.length).toBeLessThanOrEqual(3500);
});
