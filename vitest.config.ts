import { defineConfig } from "vitest/config";

// Workspace packages point at their TypeScript source under this condition, so nothing is built to be tested.
const resolve = { conditions: ["development"] };
const ssr = { resolve: { conditions: ["development"], externalConditions: ["development"] } };

export default defineConfig({
  test: {
    projects: [
      {
        // Beside the source; no VM, no root. Runs in parallel.
        resolve,
        ssr,
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts", "tools/**/*.test.ts", "bench/**/*.test.ts"],
          exclude: ["**/*.vm.test.ts", "**/node_modules/**", "**/dist/**"],
          testTimeout: 30_000,
          // Of two cores it would use one, and much of these tests is waiting.
          maxWorkers: "100%",
        },
      },
      {
        // Real QEMU, cgroups and files of root. One file at a time: two cores carry one set of VMs.
        resolve,
        ssr,
        test: {
          name: "vm",
          include: ["packages/*/src/**/*.vm.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**"],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        // A running daemon, driven through the SDK and the CLI.
        resolve,
        ssr,
        test: {
          name: "e2e",
          include: ["e2e/**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**"],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
