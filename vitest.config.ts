import { defineConfig } from "vitest/config";
import { BaseSequencer } from "vitest/node";
import { lastStartGiven, orderGiven } from "./tools/test/run-order.ts";
import { LONG_FILES } from "./tools/test/stages.ts";

// Workspace packages point at their TypeScript source under this condition, so nothing is built to be tested.
const resolve = { conditions: ["development"] };
const ssr = { resolve: { conditions: ["development"], externalConditions: ["development"] } };
const exclude = ["**/node_modules/**", "**/dist/**"];

/** Two cores carry two guests that compute; a third takes twice the time from all of them. */
const FILES_AT_ONCE = 2;
/** Where each waits now and then, for a daemon that starts or ends, or for something not to come, a third has the processors meanwhile. */
const WAITING_FILES_AT_ONCE = 3;

/** What is polled comes when two cores that also run VMs get to it: a second, which it is by default, is too short a time. */
const PATIENT = { poll: { timeout: 15_000 } };

/** As the run says, else by name, but the longest first: one of them would run by itself when all the others have ended. */
const FIRST: readonly string[] = [
  ...orderGiven(),
  ...LONG_FILES.keys(),
  "packages/worker/src/vm/guest/volumes.vm.test.ts",
  "packages/worker/src/firewall/firewall.vm.test.ts",
  "packages/worker/src/worker.vm.test.ts",
  "e2e/shared/sandboxes.test.ts",
  "e2e/shared/snapshot-continues.test.ts",
  "e2e/shared/volumes.test.ts",
  "e2e/own/tls.test.ts",
  "e2e/own/disk-full.test.ts",
  "e2e/own/daemon-killed-in-capture.test.ts",
  "e2e/own/daemon-killed-midway.test.ts",
  "e2e/own/host-examples.test.ts",
  "e2e/own/machine-examples.test.ts",
  "e2e/own/steps.test.ts",
  "e2e/own/cgroups-v2.test.ts",
  "e2e/own/ssh-keys.test.ts",
  "e2e/own/vm-examples.test.ts",
  "e2e/own/ttl.test.ts",
  "e2e/network/names.test.ts",
  "e2e/network/ingress.test.ts",
  "e2e/network/intercepted-egress.test.ts",
  "e2e/network/host.test.ts",
  "e2e/network/every-life.test.ts",
  "e2e/network/egress.test.ts",
];

class Sequencer extends BaseSequencer {
  override async sort(files: Parameters<BaseSequencer["sort"]>[0]) {
    const rank = (id: string): number => {
      const place = FIRST.findIndex((path) => id.endsWith(`/${path}`));
      return place < 0 ? FIRST.length : place;
    };
    return files.toSorted(
      (a, b) => rank(a.moduleId) - rank(b.moduleId) || a.moduleId.localeCompare(b.moduleId),
    );
  }
}

/** Of these, all files of a worker: each would else load the SDK and the daemon's parts anew, which takes seconds of a busy processor. */
const IN_ONE_REALM = ["e2e-shared", "e2e-own"];

/** Tests against running daemons, driven through the SDK and the CLI. */
function tier(
  name: string,
  filesAtOnce: number,
  include: readonly string[],
  globalSetup: readonly string[] = [],
) {
  return {
    resolve,
    ssr,
    test: {
      name,
      include: [...include],
      exclude,
      globalSetup: [...globalSetup],
      maxWorkers: filesAtOnce,
      fileParallelism: filesAtOnce > 1,
      isolate: !IN_ONE_REALM.includes(name),
      testTimeout: 180_000,
      hookTimeout: 180_000,
      expect: PATIENT,
    },
  };
}

const SHARED_DAEMON = ["e2e/harness/shared-daemon-setup.ts"];

export default defineConfig({
  test: {
    sequence: { sequencer: Sequencer },
    projects: [
      {
        // Beside the source; no VM, root only for the worker's over scripted QEMUs. Runs in parallel, and all files of a worker in one
        // realm: nothing here replaces a module.
        resolve,
        ssr,
        test: {
          name: "unit",
          include: [
            "packages/*/src/**/*.test.ts",
            "packaging/**/*.test.ts",
            "tools/**/*.test.ts",
            "bench/**/*.test.ts",
            "e2e/harness/**/*.test.ts",
          ],
          exclude: ["**/*.vm.test.ts", ...exclude],
          globalSetup: ["packages/control-plane/src/testing/postgres-schemas.ts"],
          // Some wait for a database or a program that a busy machine is slow to run, before a test and after it as well.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: PATIENT,
          isolate: false,
          setupFiles: lastStartGiven() === undefined ? [] : ["tools/test/in-time.ts"],
          // Where some wait, others have the two cores meanwhile.
          maxWorkers: WAITING_FILES_AT_ONCE,
        },
      },
      {
        // Real QEMU, cgroups and files of root; all files of a worker in one realm as well.
        resolve,
        ssr,
        test: {
          name: "vm",
          include: ["packages/*/src/**/*.vm.test.ts"],
          exclude,
          maxWorkers: WAITING_FILES_AT_ONCE,
          isolate: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          expect: PATIENT,
        },
      },
      // Every verb once, in half a minute.
      tier("smoke", 1, ["e2e/smoke.test.ts"]),
      // They need a daemon, and leave it as it was.
      tier("e2e-shared", WAITING_FILES_AT_ONCE, ["e2e/shared/**/*.test.ts"], SHARED_DAEMON),
      // They end one, count what is in it, or need one of another kind.
      tier("e2e-own", WAITING_FILES_AT_ONCE, ["e2e/own/**/*.test.ts"]),
      // A lab of namespaces each.
      tier("e2e-network", WAITING_FILES_AT_ONCE, ["e2e/network/**/*.test.ts"]),
      // The base image, and what is installed into it.
      tier("e2e-guest", FILES_AT_ONCE, ["e2e/guest/**/*.test.ts"], SHARED_DAEMON),
      // They measure a daemon's memory, or give it all it takes: another stage with one daemon may run beside, not a second of these.
      tier("e2e-soak", 1, ["e2e/soak/**/*.test.ts"]),
      // All of these by path, each file with a daemon of its own.
      tier("e2e", 1, ["e2e/!(harness)/**/*.test.ts"]),
    ],
  },
});
