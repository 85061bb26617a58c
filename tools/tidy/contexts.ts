/** Who may take a whole context: only files that put one together. All others say in their signatures which of its parts they touch. */
import { isTestCode, type Finding, type SourceFile } from "./source-file.ts";

const ENGINE = "packages/control-plane/src/engine";
const WORKER = "packages/worker/src";

/** The type, and the files that may name it beside tests. */
const COMPOSING = {
  LifecycleContext: [`${ENGINE}/context.ts`, `${ENGINE}/lifecycle.ts`, `${ENGINE}/engine.ts`],
  WorkerContext: [`${WORKER}/vm/state/worker-context.ts`, `${WORKER}/open-context.ts`, `${WORKER}/worker.ts`],
} as const;

export function wholeContexts(files: readonly SourceFile[]): readonly Finding[] {
  return Object.entries(COMPOSING).flatMap(([context, composing]) =>
    files
      .filter(({ path }) => path.startsWith("packages/") && path.endsWith(".ts") && !isTestCode(path))
      .filter(({ path }) => !composing.some((allowed) => allowed === path))
      .filter(({ text }) => new RegExp(`\\b${context}\\b`).test(text))
      .map(({ path }) => `${path}: takes all of ${context}; say which parts it touches, as Parts<"…">`),
  );
}

/** A file of the list that is gone, or names its context no more. */
export function emptyExceptions(files: readonly SourceFile[]): readonly Finding[] {
  const text = new Map(files.map((file) => [file.path, file.text]));
  return Object.entries(COMPOSING).flatMap(([context, composing]) =>
    composing
      .filter((path) => text.get(path)?.includes(context) !== true)
      .map((path) => `tools/tidy/contexts.ts: ${path} does not name ${context}; take it from the list`),
  );
}
