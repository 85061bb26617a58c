/**
 * The specification of the local client, whose words are written another way: `{"Oci": {…}}` for what is `{"type": "oci", …}`,
 * `IfMissing` for `if_missing`, `cpus` for `vcpus`. It is rewritten, and nothing of it is left out: what is not known is refused
 * afterwards, by its name.
 */

type Fields = Readonly<Record<string, unknown>>;

/** An image is told by one name with a capital; nothing else in a body is. */
export function isSeedForm({ image }: Fields): boolean {
  return isFields(image) && Object.keys(image).some((name) => /^[A-Z]/.test(name));
}

export function fromSeedForm(body: Fields): Fields {
  return rewritten(body, {
    image: imageOf,
    resources: (value) => renamed(value, "cpus", "vcpus"),
    rlimits: each((limit) => rewrittenIn(limit, { resource: snake })),
    mounts: each(mountOf),
    patches: each(tag),
    pull_policy: snake,
  });
}

function imageOf(image: unknown): unknown {
  if (isFields(image) && typeof image["Bind"] === "string" && Object.keys(image).length === 1)
    return { type: "bind", path: image["Bind"] };
  return rewrittenIn(tag(image), { format: snake });
}

function mountOf(mount: unknown): unknown {
  return rewrittenIn(mount, {
    type: snake,
    format: snake,
    create: (create) => rewrittenIn(create, { mode: snake, kind: snake }),
  });
}

/** `{"Mkdir": {…}}` as `{"type": "mkdir", …}`; anything else stays, to be refused. */
function tag(value: unknown): unknown {
  if (!isFields(value)) return value;
  const [entry, ...others] = Object.entries(value);
  if (entry === undefined || others.length > 0 || !isFields(entry[1])) return value;
  return { type: snake(entry[0]), ...entry[1] };
}

/** What is no text stays. */
function snake(word: unknown): unknown {
  if (typeof word !== "string") return word;
  return word.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase();
}

type Rewrite = (value: unknown) => unknown;

function rewritten(fields: Fields, rules: Readonly<Record<string, Rewrite>>): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, rules[name]?.(value) ?? value]),
  );
}

function rewrittenIn(value: unknown, rules: Readonly<Record<string, Rewrite>>): unknown {
  return isFields(value) ? rewritten(value, rules) : value;
}

/** Where both names are there the newer one stays, and the older is refused. */
function renamed(value: unknown, from: string, to: string): unknown {
  if (!isFields(value) || !Object.hasOwn(value, from) || Object.hasOwn(value, to)) return value;
  const { [from]: moved, ...rest } = value;
  return { ...rest, [to]: moved };
}

function each(rewrite: Rewrite): Rewrite {
  return (values) => (Array.isArray(values) ? values.map((value) => rewrite(value)) : values);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
