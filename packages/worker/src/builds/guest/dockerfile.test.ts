/** Which images a Dockerfile needs. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const FOLDER = fileURLToPath(new URL(".", import.meta.url));
/** One start of Python for all of them. */
const PROGRAM = `
import json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import dockerfile
def answer(case):
    try:
        return dockerfile.bases_of(case["text"], case.get("args", {}), case.get("target", ""))
    except dockerfile.Refused as refused:
        return str(refused)
print(json.dumps([answer(case) for case in json.loads(sys.argv[2])]))
`;

interface Case {
  readonly text: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly target?: string;
}

async function answers(cases: readonly Case[]): Promise<unknown[]> {
  const { stdout } = await run("python3", ["-c", PROGRAM, FOLDER, JSON.stringify(cases)]);
  return JSON.parse(stdout) as unknown[];
}

const NEEDED: readonly [Case, readonly string[]][] = [
  [{ text: "FROM a" }, ["a"]],
  [{ text: "\ufeff# a comment\n\nfrom a AS b\nFROM b\nCOPY --from=c /x /y\n" }, ["c", "a"]],
  [{ text: "FROM scratch\nCOPY . /" }, []],
  [{ text: "ARG TAG=1\nFROM a:$TAG" }, ["a:1"]],
  [{ text: "ARG TAG=1\nFROM a:${TAG}", args: { TAG: "2" } }, ["a:2"]],
  [{ text: "ARG X\nFROM a:${X:-3}\nFROM b${X:+no}:1" }, ["b:1"]],
  [{ text: 'ARG A="x" B=y\nFROM $A/$B' }, ["x/y"]],
  [{ text: "FROM --platform=$BUILDPLATFORM a" }, ["a"]],
  // A stage that nothing needs.
  [{ text: "FROM a AS one\nFROM b AS two\nFROM c\nCOPY --from=two / /" }, ["c", "b"]],
  [{ text: "FROM a AS one\nFROM b AS two\nFROM c", target: "TWO" }, ["b"]],
  [{ text: "FROM a AS one\nFROM b AS two\nFROM c", target: "0" }, ["a"]],
  [{ text: "FROM a\nFROM b\nCOPY --from=0 / /" }, ["b", "a"]],
  [{ text: "FROM a AS python\nFROM python\nFROM b AS c\nCOPY --from=python / /" }, ["b", "a"]],
  [
    {
      text: "FROM a\nRUN --mount=type=bind,from=b,target=/b \\\n  # in between\n  --mount=type=cache,target=/c ls",
    },
    ["a", "b"],
  ],
  [{ text: "# escape=`\nFROM a`\n:1\nRUN echo \\" }, ["a:1"]],
  [{ text: "FROM a\nRUN echo 'FROM b' && \\\n\n FROM c" }, ["a"]],
  [{ text: "FROM a\nRUN echo $((1<<3)) <<<x; cat < x" }, ["a"]],
];

const REFUSED: readonly [Case, RegExp][] = [
  [{ text: "" }, /no FROM/],
  [{ text: "RUN x" }, /no FROM/],
  [{ text: "FROM" }, /line 1/],
  [{ text: "FROM a b" }, /line 1/],
  [{ text: "ARG X\nFROM $X" }, /line 2 .* names no image/],
  [{ text: "FROM --platform=linux/arm64 a" }, /linux\/arm64/],
  [{ text: "FROM a", target: "b" }, /no stage b/],
  [{ text: "FROM a\nRUN <<EOF\necho x\nEOF" }, /line 2 .* here-document/],
  [{ text: "FROM a\nCOPY <<-'END' /x\ny\nEND" }, /line 2 .* here-document/],
];

test("images are found through arguments, stages and mounts, of what the target needs", async () => {
  expect(await answers(NEEDED.map(([given]) => given))).toEqual(NEEDED.map(([, bases]) => bases));
});

test("what the builder does not know is refused with its line", async () => {
  const cases = REFUSED;
  const told = await answers(cases.map(([given]) => given));
  for (const [index, [, reason]] of cases.entries()) expect(told[index]).toMatch(reason);
});

test("an image that needs more than 64 others is refused", async () => {
  const copies = Array.from({ length: 65 }, (_, at) => `COPY --from=a${at} / /`);
  expect(await answers([{ text: ["FROM scratch", ...copies].join("\n") }])).toEqual([
    expect.stringMatching(/more than 64/),
  ]);
});
