/** The command writes no colours of its own, whatever the environment says of them. */
import { expect, test } from "vitest";
import { FakeApi } from "../testing/fake-api.ts";
import { CliHome, envFor } from "../testing/run-cli.ts";
import { capture } from "../testing/run-here.ts";

const ESCAPE = "\u001b";

test.each([{ NO_COLOR: "1" }, { FORCE_COLOR: "3", CLICOLOR_FORCE: "1" }])("with %o", async (colours) => {
  using home = new CliHome();
  await using api = await FakeApi.start();
  api.addVm({ id: "0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001", name: "dev" });
  const env = { ...envFor(api), ...colours, HOME: home.folder, FASTVM_CONFIG_FILE: "/dev/null" };
  for (const args of [
    ["--help"],
    ["ls", "--help"],
    ["ls"],
    ["get", "nobody"],
    ["nothing"],
    ["man", "exec"],
  ]) {
    const { stdout, stderr } = await capture(args, env);
    expect(stdout + stderr).not.toBe("");
    expect(stdout + stderr).not.toContain(ESCAPE);
  }
});
