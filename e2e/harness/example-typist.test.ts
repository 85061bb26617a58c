import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ExampleTypist } from "./example-typist.ts";

test("what the example before left on the terminal counts for nothing, however late that is cleared", async () => {
  await using typist = await ExampleTypist.open({}, { again: ["again"] });
  const programs = { fastvm: "echo asked; read word; echo $word", clear: "sleep 0.5; exec /usr/bin/clear" };
  for (const [name, script] of Object.entries(programs))
    await writeFile(join(typist.home, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  for (const word of ["first", "second"])
    await typist.atTerminal("again", 0, async (terminal) => {
      expect(await terminal.shows(/^asked$/m)).toBe("asked");
      await terminal.enter(word);
    });
});
