/** Routes that no test calls. */
import type { Finding, SourceFile } from "./source-file.ts";

interface Route {
  readonly method: string;
  /** With `{name}` for parameters. */
  readonly path: string;
}

/** A test calls a route as `METHOD /path`, with anything for its parameters. */
export function untestedRoutes(files: readonly SourceFile[], routes: readonly Route[]): readonly Finding[] {
  const tests = files.filter(({ path }) => /^packages\/control-plane\/.*\.test\.ts$/.test(path));
  return routes
    .filter(({ method, path }) => {
      const called = new RegExp(
        `\\b${method} ${path.replaceAll(/\{\w+\}/g, "(?:\\$\\{[^}]*\\}|[^/\\s\"'`?])+")}(?=["'\`?\\s]|\\$)`,
      );
      return !tests.some(({ text }) => called.test(text));
    })
    .map(
      ({ method, path }) =>
        `${method} ${path}: no test of the control plane calls it; write one beside its route`,
    );
}
