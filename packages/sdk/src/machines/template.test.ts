/** What the client asks of templates, and what it makes of answers. */
import { expect, it } from "vitest";
import { Template, TemplateBuilder } from "../machines.ts";
import { json, WireServer } from "../testing/wire-server.ts";

const BUILD = { id: "tbd_1", template: "app", tag: "latest", status: "queued", error: null };
const page = (lines: readonly string[], nextOffset: number, complete: boolean) =>
  json(200, { build_id: "tbd_1", offset: 0, next_offset: nextOffset, lines, status: "building", complete });

it("a template is built step by step, and followed to its end", async () => {
  await using server = await WireServer.start(
    json(201, BUILD),
    page(["one"], 1, false),
    page(["two"], 2, true),
    json(200, { ...BUILD, status: "ready", promoted_tags: ["latest"] }),
  );
  const builder = TemplateBuilder.fromPython("3.13-slim")
    .pipInstall("flask")
    .setRuntimeEnvs({ A_b: "c" })
    .setStartCmd("flask run", { waitForPort: 5000 });
  const lines: string[] = [];
  const options = { apiKey: "ns_live_key", baseUrl: server.url };
  const build = await Template.build("app", builder, {
    ...options,
    tag: "v1",
    resources: { memoryMb: 512 },
    onLog: (line) => lines.push(line),
  });
  expect([lines, build.promotedTags]).toEqual([["one", "two"], ["latest"]]);
  expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    "POST /v1/templates",
    "GET /v1/template-builds/tbd_1/logs?offset=0&wait_ms=20000",
    "GET /v1/template-builds/tbd_1/logs?offset=1&wait_ms=20000",
    "GET /v1/template-builds/tbd_1",
  ]);
  expect(JSON.parse(String(server.requests[0]?.body))).toEqual({
    name: "app",
    tag: "v1",
    definition: {
      base_image: "python:3.13-slim",
      steps: [{ kind: "pip_install", packages: ["flask"] }],
      build_envs: {},
      runtime_envs: { A_b: "c" },
      start: { command: "flask run", wait_for_port: 5000 },
    },
    resources: { memory_mb: 512 },
  });
});

it("a build that fails is an error that says why", async () => {
  const failed = { ...BUILD, status: "failed", error: "no such package" };
  await using server = await WireServer.start(json(201, BUILD), page([], 0, true), json(200, failed));
  const options = { apiKey: "ns_live_key", baseUrl: server.url };
  const building = Template.build("app", TemplateBuilder.fromTemplate("base"), options);
  await expect(building).rejects.toMatchObject({ code: "template_build_failed", message: "no such package" });
});

it("a tag is let mean another build", async () => {
  await using server = await WireServer.start(json(200, { id: "tpl_1", canonical_ref: "app:latest" }));
  const options = { apiKey: "ns_live_key", baseUrl: server.url };
  expect((await Template.promote("app", "tbd_1", { tag: "v1", ...options })).canonicalRef).toBe("app:latest");
  expect(server.requests[0]?.url).toBe("/v1/templates/app/promote");
  expect(JSON.parse(String(server.requests[0]?.body))).toEqual({ build_id: "tbd_1", tag: "v1" });
});
