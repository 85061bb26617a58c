/**
 * Bodies of each of the three forms that say all there is to say, with one thing in them wrong: a field that nobody knows in each object, a
 * value of another kind in each place, a word that is none in each list of words. Each is refused, by the name of that place.
 */
import { FastvmError } from "@fastvm/contract";
import { describe, expect, test } from "vitest";
import { launchOrderOf } from "./launch-order.ts";
import { readSpec } from "./read-spec.ts";

type Body = Record<string, unknown>;
type Path = readonly (string | number)[];

const OPTIONS = { readonly: true, noexec: true, nosuid: true, nodev: true };
const OWNERS = { stat_virtualization: "strict", host_permissions: "private" };
const NETWORK = {
  enabled: true,
  ports: [{ host_port: 8080, guest_port: 80, protocol: "tcp", host_bind: "127.0.0.1" }],
  policy: {
    default_egress: "deny",
    default_ingress: "allow",
    rules: [
      {
        direction: "egress",
        destination: { group: "public" },
        protocols: ["tcp"],
        ports: [{ start: 443, end: 443 }],
        action: "allow",
      },
    ],
  },
  dns: { rebind_protection: true, nameservers: ["192.0.2.1:53"], query_timeout_ms: 500 },
  interface: { mac: [2, 0, 0, 0, 0, 9], mtu: 1400, ipv4_address: "10.1.0.1", ipv6_pool: "fd00::/64" },
  max_connections: 10,
  trust_host_cas: true,
};
const RUNTIME = {
  workdir: "/srv",
  shell: "/bin/sh",
  scripts: { greet: "#!/bin/sh\n" },
  entrypoint: ["a"],
  cmd: ["b"],
  hostname: "host",
  user: "nobody",
  log_level: "info",
  metrics_sample_interval_ms: 1000,
  disable_metrics_sample: false,
};
const COMMON = {
  name: "all",
  runtime: RUNTIME,
  env: [{ key: "A", value: "b" }],
  labels: { of: "test" },
  network: NETWORK,
  init: { cmd: "auto", args: ["x"], env: [["K", "V"]] },
  security_profile: "restricted",
  lifecycle: { ephemeral: false, max_duration_secs: 60, idle_timeout_secs: 60 },
};
const CREATE = { name: "v", kind: "directory", quota_mib: 1024, labels: [] };

const NESTED: Body = {
  ...COMMON,
  image: { type: "oci", reference: "base", upper_size_mib: 8192 },
  resources: { vcpus: 1, memory_mib: 512, disk_size_mib: 8192 },
  rlimits: [{ resource: "nofile", soft: 1, hard: 2 }],
  mounts: [
    {
      type: "named",
      name: "v",
      guest: "/mnt/v",
      create: { ...CREATE, mode: "create" },
      options: OPTIONS,
      ...OWNERS,
    },
    { type: "tmpfs", guest: "/mnt/t", size_mib: 16, options: OPTIONS },
    { type: "bind", host: "/srv", guest: "/mnt/b", quota_mib: 16, options: OPTIONS, ...OWNERS },
    { type: "disk_image", host: "/a.raw", guest: "/mnt/d", format: "raw", options: OPTIONS },
  ],
  patches: [
    { type: "text", path: "/a", content: "x", mode: 0o600, replace: true },
    { type: "file", path: "/b", content: [1], mode: 0o600, replace: true },
    { type: "copy_file", src: "/a", dst: "/c", mode: 0o600, replace: true },
    { type: "copy_dir", src: "/a", dst: "/d", replace: true },
    { type: "symlink", target: "a", link: "/e", replace: true },
    { type: "mkdir", path: "/f", mode: 0o700 },
    { type: "remove", path: "/g" },
    { type: "append", path: "/h", content: "x" },
  ],
  pull_policy: "never",
  slug: "all-there-is",
  registry: { mode: "inline", username: "u", password: "p" },
};

const SEED: Body = {
  ...COMMON,
  image: { Oci: { reference: "base", upper_size_mib: 8192 } },
  resources: { cpus: 1, memory_mib: 512 },
  rlimits: [{ resource: "Nofile", soft: 1, hard: 2 }],
  mounts: [
    {
      ...{ type: "Named", name: "v", guest: "/mnt/v", options: OPTIONS, ...OWNERS },
      create: { ...CREATE, kind: "Directory", mode: "EnsureExists" },
    },
    { type: "Tmpfs", guest: "/mnt/t", size_mib: 16, options: OPTIONS },
    { type: "Bind", host: "/srv", guest: "/mnt/b", quota_mib: 16, options: OPTIONS, ...OWNERS },
    { type: "DiskImage", host: "/a.raw", guest: "/mnt/d", format: "Raw", options: OPTIONS },
  ],
  patches: [
    { Text: { path: "/a", content: "x", mode: 0o600, replace: true } },
    { CopyDir: { src: "/a", dst: "/d", replace: true } },
    { Mkdir: { path: "/f", mode: 0o700 } },
  ],
  pull_policy: "IfMissing",
};

const FLAT: Body = {
  name: "all",
  image: "base",
  vcpus: 1,
  memory_mib: 512,
  env: { A: "b" },
  ephemeral: true,
  workdir: "/srv",
  shell: "/bin/sh",
  entrypoint: ["a"],
  hostname: "host",
  user: "nobody",
  log_level: "info",
  scripts: { greet: "#!/bin/sh\n" },
  max_duration_secs: 60,
  idle_timeout_secs: 60,
};

/** Whose keys are the client's own. */
const MAPS = /(^|\.)(env|labels|scripts)$/;
/** Of which a word that is none of them is refused. */
const WORDS = new RegExp(
  `(${[
    ...[
      "\\.type",
      "format",
      "stat_virtualization",
      "host_permissions",
      "mode",
      "kind",
      "log_level",
      "pull_policy",
    ],
    ...[
      "security_profile",
      "resource",
      "direction",
      "action",
      "group",
      "protocols\\.\\d+",
      "protocol",
      "default_\\w+",
    ],
  ].join("|")})$`,
);

const isObject = (value: unknown): value is Body =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function* places(value: unknown, path: Path = []): Generator<readonly [Path, unknown]> {
  yield [path, value];
  if (Array.isArray(value))
    for (const [index, item] of value.entries()) yield* places(item, [...path, index]);
  if (isObject(value)) for (const [name, item] of Object.entries(value)) yield* places(item, [...path, name]);
}

function changed(body: Body, path: Path, to: unknown): Body {
  // Not `structuredClone`, which keeps as one what is in it twice.
  const copy = JSON.parse(JSON.stringify(body)) as Body;
  let at: unknown = copy;
  for (const name of path.slice(0, -1)) at = (at as Record<string | number, unknown>)[name];
  (at as Record<string | number, unknown>)[path.at(-1) ?? ""] = to;
  return copy;
}

function refusalOf(body: Body): FastvmError | undefined {
  try {
    launchOrderOf(readSpec(body));
    return undefined;
  } catch (error) {
    if (error instanceof FastvmError) return error;
    throw error;
  }
}

/** As the engine's form has it: without the tags of the local client, and with its newer names. */
function named(path: Path): string {
  const words = path.filter((word) => !/^[A-Z]/.test(String(word)) || path.includes("env"));
  return words.join(".").replace("resources.cpus", "resources.vcpus");
}

function others(value: unknown): readonly unknown[] {
  const kinds = [17.5, "\u0000", true, {}, [{}]];
  const kindOf = (of: unknown) => (Array.isArray(of) ? "array" : typeof of);
  return kinds.filter((kind) => kindOf(kind) !== kindOf(value));
}

describe.each([
  ["nested", NESTED],
  ["local", SEED],
  ["flat", FLAT],
])("of the %s form", (_form, body) => {
  test("all of it together is taken", () => {
    expect(refusalOf(body)).toBeUndefined();
  });

  test("a field that nobody knows is refused by its name, wherever it is", () => {
    for (const [path, value] of places(body)) {
      if (!isObject(value) || MAPS.test(path.join("."))) continue;
      // A tag with another beside it is no tag.
      const isTag = Object.keys(value).some((name) => /^[A-Z][a-z]/.test(name));
      if (isTag) continue;
      const refusal = refusalOf(changed(body, [...path, "unheard_of"], 1));
      const at = named(path);
      expect(refusal?.code, `${at}.unheard_of`).toBe("invalid_request");
      // Of several kinds of destination none is meant.
      const expected = at.endsWith("destination") ? at : `${at}${at === "" ? "" : "."}unheard_of`;
      expect(refusal?.field).toBe(expected);
    }
  });

  test("a value of another kind is refused by its name, wherever it is", () => {
    for (const [path, value] of places(body)) {
      if (path.length === 0) continue;
      const at = named(path);
      for (const wrong of others(value)) {
        const refusal = refusalOf(changed(body, path, wrong));
        const what = `${at} ${JSON.stringify(wrong)}`;
        expect(refusal?.code, what).toBe("invalid_request");
        const field = refusal?.field ?? "";
        // An image of another kind is another form, whose first mistake may be elsewhere.
        if (at === "image") continue;
        expect(at.startsWith(field) || field.startsWith(at), `${what}: ${field}`).toBe(true);
        expect(field, what).not.toBe("");
      }
    }
  });

  test("a word that is none of those that there are is refused by its name", () => {
    for (const [path, value] of places(body)) {
      const at = named(path);
      if (typeof value !== "string" || !WORDS.test(at)) continue;
      const refusal = refusalOf(changed(body, path, "unheard_of"));
      expect(refusal?.code, at).toBe("invalid_request");
      expect(at.startsWith(refusal?.field ?? "?"), `${at}: ${refusal?.field}`).toBe(true);
    }
  });
});
