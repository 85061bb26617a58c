/** The API writes `timeout_ms`, TypeScript `timeoutMs`. What users name themselves, as in metadata, stays as it is. */

type CamelName<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelName<Tail>>}`
  : Name;

/** The same object under TypeScript's names. */
export type Camel<T> = T extends readonly (infer Item)[]
  ? Camel<Item>[]
  : T extends Record<string, string>
    ? string extends keyof T
      ? T
      : CamelObject<T>
    : T extends object
      ? CamelObject<T>
      : T;

type CamelObject<T> = {
  [Name in keyof T as Name extends string ? CamelName<Name> : Name]: Name extends Verbatim
    ? T[Name]
    : Camel<T[Name]>;
};

/** Fields whose own keys are their users'. */
const VERBATIM = [
  "metadata",
  "labels",
  "envs",
  "build_envs",
  "runtime_envs",
  "buildEnvs",
  "runtimeEnvs",
] as const;
type Verbatim = (typeof VERBATIM)[number];

export function toCamel(value: unknown): unknown {
  return renamed(value, (name) =>
    name.replaceAll(/_([a-z\d])/g, (_, letter: string) => letter.toUpperCase()),
  );
}

export function toSnake(value: unknown): unknown {
  return renamed(value, (name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (typeof value !== "object" || value === null) return value;
  const pairs = Object.entries(value).map(([name, inner]) => [
    rename(name),
    VERBATIM.some((verbatim) => verbatim === name) ? inner : renamed(inner, rename),
  ]);
  return Object.fromEntries(pairs);
}
