/** Inside a package, too, imports point down: each folder has its place in a table. */
import { dirname, join } from "node:path/posix";
import { importsOf } from "./imports.ts";
import { isTestCode, type Finding, type SourceFile } from "./source-file.ts";

/** Names on one line stand beside each other. */
type Levels = readonly (readonly string[])[];

/**
 * From the top down, for each folder of sources: what stands on a line imports what stands on lines below it, and nothing else but
 * itself. A name is a folder with all in it, or a file; the more exact one counts. What lies in the folder of sources itself
 * and is not named stands above all. Tests import what they want.
 */
const TABLE: Readonly<Record<string, Levels>> = {
  "packages/contract/src": [
    ["api/fastvm", "api/machines", "api/sandboxes"],
    ["string-map-rules.ts", "nearest-name.ts", "image-reference.ts"],
    ["names.ts", "service-address.ts", "request-id.ts"],
    ["credentials.ts"],
    ["api/openapi-parts.ts"],
    ["port", "api/operation.ts"],
    ["errors", "steps"],
    ["model", "limits.ts"],
  ],
  "packages/control-plane/src": [
    ["app"],
    ["operator"],
    ["api/fastvm", "api/machines", "api/sandboxes"],
    ["api/shared"],
    ["engine/engine.ts", "engine/lifecycle.ts"],
    ["engine/operator"],
    ["engine/services", "engine/reconcile"],
    ["engine/templates"],
    ["engine/builds", "engine/pools"],
    ["engine/snapshots", "engine/images"],
    ["engine/sandboxes"],
    ["engine/policies"],
    ["engine/vms"],
    ["engine/volumes"],
    ["engine/uploads", "engine/transfers", "engine/ssh-access"],
    [
      "engine/network",
      "engine/keys",
      "engine/placement",
      "engine/organisations",
      "engine/registries",
      "engine/files",
      "engine/exec",
      "engine/figures",
      "engine/webhooks",
      "engine/previews",
    ],
    ["engine/ssh-authority"],
    ["engine/interception"],
    ["engine/secrets", "engine/owed"],
    ["engine/orders", "engine/states"],
    ["engine"],
    ["engine/reconcile/reconciler.ts", "engine/placement/capacity-queue.ts", "engine/builds/build-queue.ts"],
    ["engine/builds/live-build.ts"],
    ["engine/builds/new-build.ts"],
    [
      "engine/reconcile/owed.ts",
      "engine/inflight.ts",
      "engine/events",
      "engine/activity",
      "metrics-source.ts",
    ],
    ["staging"],
    ["http"],
    ["config.ts", "http/linger.ts", "store"],
    ["staging/staging-limits.ts", "sealing", "clock.ts", "log.ts", "for-everybody.ts"],
    ["answered-request.ts", "queue-figures.ts"],
  ],
  "packages/worker/src": [
    ["recovery", "builds"],
    ["vm/transitions"],
    ["image-build"],
    ["vm/restore", "template"],
    ["vm/capture", "vm/guest"],
    ["vm/volumes"],
    ["vm/state"],
    ["boot"],
    ["volumes", "journal", "pool", "identity", "cache"],
    ["buckets"],
    ["volumes/files"],
    ["volumes/server"],
    ["snapshot"],
    ["disk", "memory", "trust"],
    ["images"],
    ["images/archive"],
    ["images/registry", "images/held-content.ts"],
    ["images/blobs"],
    ["images/manifest"],
    ["images/digest.ts", "images/image-limits.ts", "images/invalid-image.ts"],
    ["qemu", "exec"],
    ["network", "guest-link"],
    ["dns", "egress", "published"],
    ["firewall"],
    ["host", "image", "ip"],
    ["files"],
    ["processes"],
    ["files/errno.ts", "concurrency", "config.ts"],
  ],
  "packages/egress-proxy/src": [
    ["connection"],
    ["http"],
    ["secrets"],
    ["authority", "hello"],
    ["wire.ts"],
    ["limits.ts"],
  ],
  "packages/edge/src": [
    ["forward"],
    ["edge-parts.ts"],
    ["backend"],
    ["headers"],
    ["address"],
    ["answer"],
    ["forward/pump.ts", "metrics", "client-request.ts", "limits.ts"],
  ],
  "packages/daemon/src": [
    ["backup"],
    ["config.ts", "paths.ts"],
    ["config-file.ts", "service-manager.ts"],
    ["telemetry"],
    ["traces-settings.ts"],
  ],
  "packages/cli/src": [
    ["commands/vm", "commands/snapshot", "commands/builds", "commands/daemon"],
    ["commands/volume"],
    ["commands/files"],
    ["commands/firewall"],
    ["commands", "exec", "console", "logs"],
    ["forward", "files"],
    ["resolve-ref.ts"],
    ["completion", "output", "help"],
    ["session.ts"],
    ["settings", "command-line"],
    ["user-error.ts", "interrupt.ts"],
  ],
  "packages/sdk/src": [
    ["flat", "packaging", "machines.ts", "sandboxes.ts"],
    ["machines", "sandboxes"],
    ["fastvm-client.ts"],
    ["builds"],
    ["snapshots"],
    ["vms"],
    ["volumes"],
    ["webhooks.ts", "verify-webhook.ts"],
    [
      "files",
      "firewall",
      "services",
      "ssh-keys",
      "commands",
      "disk-usage.ts",
      "quotas.ts",
      "registries.ts",
      "keys.ts",
      "audit.ts",
      "events.ts",
      "images.ts",
    ],
    ["vms/vm.ts", "exec"],
    ["vms/lifecycle-policy.ts"],
    ["vms/interception.ts"],
    ["volumes/volume.ts", "volumes/bucket-mount.ts"],
    ["volumes/mount-source.ts"],
    ["firewall/firewall-policy.ts", "http"],
    ["client-config.ts"],
    ["errors.ts", "version.ts"],
  ],
  "guest/agent/src": [
    ["boot"],
    ["loop"],
    ["identity"],
    ["streams"],
    ["agent.h", "files"],
    ["volumes"],
    ["link", "system"],
  ],
};

interface Wall {
  readonly of: string;
  readonly against: readonly string[];
  /** What may be imported all the same. */
  readonly but?: string;
  readonly remedy: string;
}

const CONTROL_PLANE = "packages/control-plane/src";

/** What stands further down, and is yet not to be imported from there. */
const WALLS: readonly Wall[] = [
  {
    of: `${CONTROL_PLANE}/api`,
    against: [`${CONTROL_PLANE}/engine`, `${CONTROL_PLANE}/store`],
    but: `${CONTROL_PLANE}/engine/engine.ts`,
    remedy: "an API knows the engine by its door, engine.ts, alone",
  },
  {
    of: `${CONTROL_PLANE}/operator`,
    against: [`${CONTROL_PLANE}/engine`, `${CONTROL_PLANE}/store`],
    but: `${CONTROL_PLANE}/engine/engine.ts`,
    remedy: "what is root's knows the engine by its door, engine.ts, alone",
  },
  {
    of: "packages/contract/src/model",
    against: ["typebox"],
    remedy: "the model is plain types; schemas are in api/, and are held to it there",
  },
  {
    of: `${CONTROL_PLANE}/engine`,
    against: ["fastify"],
    remedy: "the engine knows no HTTP; routes are in api/",
  },
];

export function climbs(files: readonly SourceFile[]): readonly Finding[] {
  return Object.entries(TABLE).flatMap(([root, levels]) =>
    files
      .filter(({ path }) => path.startsWith(`${root}/`) && isProduct(path))
      .flatMap((file) => [
        ...(placeless(file, root, levels) ?? climbsOf(file, root, levels)),
        ...breaches(file, root),
      ]),
  );
}

/** Names in the table that nothing has any more: what moved there would be held to rules of something else. */
export function emptyPlaces(files: readonly SourceFile[]): readonly Finding[] {
  return Object.entries(TABLE).flatMap(([root, levels]) =>
    levels
      .flat()
      .filter((name) => !files.some(({ path }) => `${path}/`.startsWith(`${root}/${name}/`)))
      .map(
        (name) =>
          `${root}/${name}: is in the table of tools/tidy/directions.ts and nowhere else; take it out`,
      ),
  );
}

function breaches(file: SourceFile, root: string): readonly Finding[] {
  return WALLS.filter(({ of }) => file.path.startsWith(`${of}/`)).flatMap(({ against, but, remedy }) =>
    targetsOf(file, root)
      .filter(
        (target) => target !== but && against.some((at) => target === at || target.startsWith(`${at}/`)),
      )
      .map((target) => `${file.path}: imports ${target}; ${remedy}`),
  );
}

function isProduct(path: string): boolean {
  return !isTestCode(path) && /\.(?:ts|c|h)$/.test(path);
}

/** A folder without a place could import, and be imported by, anything. */
function placeless(file: SourceFile, root: string, levels: Levels): readonly Finding[] | undefined {
  const inside = file.path.slice(root.length + 1);
  if (!inside.includes("/") || placeOf(inside, levels) !== undefined) return undefined;
  return [
    `${file.path}: ${dirname(inside)}/ has no place in the table of tools/tidy/directions.ts; give it one`,
  ];
}

function climbsOf(file: SourceFile, root: string, levels: Levels): readonly Finding[] {
  const own = placeOf(file.path.slice(root.length + 1), levels);
  if (own === undefined) return [];
  return targetsOf(file, root).flatMap((target) => {
    if (!target.startsWith(`${root}/`) || isTestCode(target)) return [];
    const theirs = placeOf(target.slice(root.length + 1), levels);
    if (theirs?.name === own.name || (theirs !== undefined && theirs.level > own.level)) return [];
    const side = theirs?.level === own.level ? "beside" : "above";
    const remedy = "move what both need below them, or hand it in";
    return [`${file.path}: imports ${target}, which stands ${side} ${own.name}; ${remedy}`];
  });
}

interface Place {
  readonly name: string;
  readonly level: number;
}

function placeOf(path: string, levels: Levels): Place | undefined {
  const places = levels.flatMap((names, level) => names.map((name) => ({ name, level })));
  return places
    .filter(({ name }) => path === name || path.startsWith(`${name}/`))
    .toSorted((one, other) => other.name.length - one.name.length)[0];
}

const INCLUDE = /^#include "([^"]+)"/gm;

/** What it imports or includes: files by their path, packages by their name. */
function targetsOf(file: SourceFile, root: string): readonly string[] {
  const folder = dirname(file.path);
  if (file.path.endsWith(".ts")) {
    return importsOf(file).map((name) => (name.startsWith(".") ? join(folder, name) : name));
  }
  // The compiler looks beside the file first, then in the folder of sources.
  const included = [...file.text.matchAll(INCLUDE)].map(([, name = ""]) => name);
  return included.map((name) => join(name.includes("/") || isAtRoot(name, root) ? root : folder, name));
}

function isAtRoot(name: string, root: string): boolean {
  return TABLE[root]?.some((names) => names.includes(name)) === true;
}

/** Modules of C, a source with its header each, that include each other in a circle. For TypeScript the linter finds them. */
export function circlesOfC(files: readonly SourceFile[]): readonly Finding[] {
  const root = "guest/agent/src";
  const moduleOf = (path: string): string => path.replace(/\.[ch]$/, "");
  const includes = new Map<string, Set<string>>();
  for (const file of files) {
    if (!file.path.startsWith(`${root}/`) || !/\.[ch]$/.test(file.path)) continue;
    const own = moduleOf(file.path);
    const all = includes.get(own) ?? new Set();
    includes.set(own, all);
    for (const target of targetsOf(file, root)) if (moduleOf(target) !== own) all.add(moduleOf(target));
  }
  return [...includes.keys()].flatMap((start) => {
    const way = wayBack(start, includes);
    return way === undefined ? [] : [`${start}: includes itself by way of ${way.join(", ")}`];
  });
}

function wayBack(
  start: string,
  includes: ReadonlyMap<string, ReadonlySet<string>>,
): readonly string[] | undefined {
  const seen = new Set<string>();
  const ways: (readonly string[])[] = [[start]];
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    for (const next of includes.get(way.at(-1) ?? "") ?? []) {
      if (next === start) return way.slice(1);
      if (!seen.has(next)) ways.push([...way, next]);
      seen.add(next);
    }
  }
  return undefined;
}
