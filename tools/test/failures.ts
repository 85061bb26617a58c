/** Which tests of a stage failed, and the first line of what each says, from vitest's report or from what pytest printed. */
import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";

export interface FailedTest {
  /** The file from the root of the repository, and the test's full name where it is one test. */
  readonly name: string;
  readonly message: string;
}

interface VitestFile {
  readonly name?: unknown;
  readonly status?: unknown;
  readonly message?: unknown;
  readonly assertionResults?: readonly VitestTest[];
}

interface VitestTest {
  readonly title?: unknown;
  readonly ancestorTitles?: readonly unknown[];
  readonly status?: unknown;
  readonly failureMessages?: readonly unknown[];
}

const FAILED = "failed";
/** `-ra` of the SDK's pytest settings: a line for each, `FAILED file::test - Error: what it says`. */
const PYTEST_LINE = /^(?:FAILED|ERROR) (\S+(?: \S+)*?)(?: - (.*))?$/gm;
/** An answer of ours that was not expected stands in it whole, with the request's id at its end. */
const MAX_MESSAGE_CHARS = 1_000;

/** None when it is no such report. */
export function failuresOfVitest(report: string, root: string): readonly FailedTest[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(report);
  } catch {
    // The process ended before it wrote the report; the stage says how.
    return [];
  }
  const results: unknown = (parsed as { testResults?: unknown } | null)?.testResults;
  if (!Array.isArray(results)) return [];
  return results.flatMap((file: VitestFile) => failuresOfFile(file, root));
}

function failuresOfFile(
  { name, status, message, assertionResults = [] }: VitestFile,
  root: string,
): readonly FailedTest[] {
  const path = relative(root, String(name));
  const tests = assertionResults
    .filter((test) => test.status === FAILED)
    .map(({ ancestorTitles = [], title, failureMessages = [] }) => ({
      name: [path, ...ancestorTitles, title].filter((part) => part !== "").join(" > "),
      message: firstLine(failureMessages[0]),
    }));
  const own = firstLine(message);
  // It could not be loaded, or what stands before or after its tests failed.
  const outside = own !== "" || (status === FAILED && tests.length === 0);
  return outside ? [...tests, { name: path, message: own }] : tests;
}

export function failuresOfPytest(output: string): readonly FailedTest[] {
  return [...stripVTControlCharacters(output).matchAll(PYTEST_LINE)].map(([, name = "", message]) => ({
    name,
    message: firstLine(message),
  }));
}

function firstLine(text: unknown): string {
  if (typeof text !== "string") return "";
  const [line = ""] = stripVTControlCharacters(text).trim().split("\n");
  return line.length > MAX_MESSAGE_CHARS ? `${line.slice(0, MAX_MESSAGE_CHARS)}…` : line;
}
