/** The dashboard asks for nothing that is not exported: each metric that it names is one of a daemon's, with the labels that it names. */
import { readFileSync } from "node:fs";
import type { VmId, VolumeId } from "@fastvm/contract";
import { expect, test } from "vitest";
import { renderMetrics } from "../metrics.ts";
import { Figures } from "./figures.ts";

interface Dashboard {
  readonly panels: readonly {
    readonly type: string;
    readonly title: string;
    readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  }[];
}

const DASHBOARD = JSON.parse(
  readFileSync(new URL("../../../../docs/grafana/fastvm.json", import.meta.url), "utf8"),
) as Dashboard;
const vmId = "a-vm" as VmId;
const hits = { packets: 1, bytes: 1 };
const sample = { atMs: 0, cpuPercent: 0, cpuSeconds: 1, residentBytes: 1, ownBytes: 1, diskBytes: 1 };

/** By name: its labels. */
async function exported(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const figures = new Figures("0");
  figures.worked({ operation: "launch", outcome: "ok", seconds: 1 });
  figures.answered({ api: "fastvm", operation: "listVms", status: 200, seconds: 1 });
  const text = await renderMetrics({
    worker: {
      vms: { running: 1, paused: 0, stopped: 0, error: 0, starting: 0 },
      notShown: 0,
      usage: [{ vmId, sample }],
      ready: { standby: 1, process: 1 },
      host: {
        processors: 1,
        busySeconds: 1,
        load: 1,
        memory: { totalBytes: 1, availableBytes: 1 },
        disk: { totalBytes: 1, freeBytes: 1 },
      },
      traffic: [{ vmId, sent: hits, received: hits, dropped: hits }],
      volumes: [
        {
          vmId,
          volumeId: "v" as VolumeId,
          requests: { read: 1, write: 1, meta: 1, lock: 1 },
          errors: 1,
          bytesRead: 1,
          bytesWritten: 1,
          sumSec: 1,
          worstSec: 1,
        },
      ],
      names: {
        questions: { answered: 1, refused: 0, filtered: 0, limited: 0, failed: 0, malformed: 0 },
        lookup: { hits: 0, misses: 0, entries: 0, bytes: 0, inFlight: 0 },
        upstream: { buckets: [{ leSec: 1, count: 1 }], count: 1, sumSec: 1, failures: 0 },
      },
    },
    edge: {
      requests: { "2xx": 1 },
      proxyErrors: { internal: 1 },
      latency: { counts: [1, 0], bucketsMs: [1], sumMs: 1, count: 1 },
      openRequests: 0,
      openWebSockets: 0,
      openConnections: 0,
    },
    quarantined: { vm: 0 },
    queues: { waiting: { vms: 0, builds: 0, webhooks: 0 }, buildsRunning: 0, deadLetters: 0 },
  });
  // Whoever scrapes adds this one.
  const labels = new Map<string, Set<string>>();
  for (const line of `${text}${await figures.read()}`.split("\n")) {
    const [, name = "", inner = ""] = /^([a-z_][a-z0-9_]*)(?:\{(.*)\})? /.exec(line) ?? [];
    if (name === "") continue;
    const found = labels.get(name) ?? new Set(["instance"]);
    for (const [, label = ""] of inner.matchAll(/([a-z_]+)="/g)) found.add(label);
    labels.set(name, found);
  }
  return labels;
}

const TARGETS = DASHBOARD.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => ({ title, expr, legendFormat })),
);

test("it has panels", () => {
  expect(TARGETS.length).toBeGreaterThan(30);
});

test.each(TARGETS)("$title: $expr", async ({ expr, legendFormat }) => {
  const known = await exported();
  const named = [...expr.matchAll(/\b((?:fastvm|process|nodejs)_[a-z0-9_]+)(?:\{([^}]*)\})?/g)];
  expect(named).not.toEqual([]);
  const labels = new Set<string>();
  for (const [, name = "", matchers = ""] of named) {
    expect(known.has(name), name).toBe(true);
    for (const [, label = ""] of matchers.matchAll(/([a-z_]+)\s*=~?"/g))
      expect(known.get(name)).toContain(label);
    for (const label of known.get(name) ?? []) labels.add(label);
  }
  for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(labels).toContain(label);
  const [, grouped = ""] = /sum by \(([^)]*)\)/.exec(expr) ?? [];
  for (const label of grouped.split(", ").filter(Boolean)) expect(labels).toContain(label);
});
