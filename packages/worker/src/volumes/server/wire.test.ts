/** The two ends of the port are built apart, each with a description of its own: what one says the other has to say. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

const SERVER = new URL("../../../native/volume/", import.meta.url);
const AGENT = new URL("../../../../../guest/agent/src/volumes/wire.h", import.meta.url);

/** Without what is for readers or for one of the two alone. */
async function declarations(url: URL): Promise<readonly string[]> {
  const text = (await readFile(url, "utf8")).replaceAll(/\/\*[\s\S]*?\*\//g, "");
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^#(include|ifndef|endif)|^#define \w+_H$/.test(line));
}

test("the agent's wire is the server's", async () => {
  const [server, agent, limits] = await Promise.all([
    declarations(new URL("wire.h", SERVER)),
    declarations(AGENT),
    declarations(new URL("limits.h", SERVER)),
  ]);
  // What the server has among its limits.
  const shared = agent.filter((line) => !server.includes(line));
  expect(shared.map((line) => line.split(" ")[0])).toEqual([
    "MAX_DATA_BYTES",
    "MAX_MESSAGE_BYTES",
    "MAX_TAG_BYTES",
  ]);
  expect(limits).toEqual(expect.arrayContaining(shared));
  expect(server).toEqual(agent.filter((line) => !shared.includes(line)));
});
