import { expect, test } from "vitest";
import { execRequest } from "../../exec/start-exec.ts";
import { settingOf } from "./command-setting.ts";

const RECORD = {
  identity: { hostname: "h", envVars: { GIVEN: "vm" }, authorizedKeys: [] },
  trust: { digest: "d", bundle: "/bundle" },
  commands: {
    env: { PATH: "/opt/bin:/bin", GIVEN: "image", SSL_CERT_FILE: "/own", LANG: "C" },
    workdir: "/srv/app",
  },
};

test("an image's variables and folder are in force for each command, and give way to the VM's and its own", () => {
  const { env, workdir, cwd } = execRequest({ command: ["x"] }, settingOf(RECORD));
  expect(env).toEqual(
    expect.arrayContaining([
      "PATH=/opt/bin:/bin",
      "LANG=C",
      "GIVEN=vm",
      "SSL_CERT_FILE=/own",
      "NODE_EXTRA_CA_CERTS=/bundle",
    ]),
  );
  expect({ workdir, cwd }).toEqual({ workdir: "/srv/app", cwd: undefined });
  const own = { command: ["x"], env: { GIVEN: "call" }, cwd: "/tmp" };
  expect(execRequest(own, settingOf(RECORD))).toMatchObject({
    cwd: "/tmp",
    env: expect.arrayContaining(["GIVEN=call"]) as unknown,
  });
});

test("a VM of the base image has nothing of it", () => {
  const { commands: _, ...record } = RECORD;
  expect(execRequest({ command: ["x"] }, settingOf(record)).workdir).toBeUndefined();
});
