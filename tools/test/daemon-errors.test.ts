import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { explain } from "./daemon-errors.ts";

const VM = "1a6d5d0f-84e5-49cc-b450-3577fb739abc";
let folder: string;

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "fastvm-errors-"))));
afterEach(() => rmSync(folder, { recursive: true }));

test("a failed test comes with what its daemon logged of the VM that it names", () => {
  const file = join(folder, "daemon-errors.log");
  const failed = [
    { name: "a.test.ts", message: `VM ${VM} did not start` },
    { name: "b.test.ts", message: "AssertionError" },
  ];
  expect(explain(failed, file)).toEqual(failed);
  writeFileSync(file, `{"vmId":"${VM}","msg":"no such file"}\n{"vmId":"another"}\n`);
  expect(explain(failed, file)).toEqual([
    { name: "a.test.ts", message: `VM ${VM} did not start\n      {"vmId":"${VM}","msg":"no such file"}` },
    failed[1],
  ]);
});
