/** Who an organisation is to registries of images, for pulls of its own. */
import { FastvmError, MAX_REGISTRY_LOGINS, parseRegistry, type OrgId } from "@fastvm/contract";
import type { RegistryLoginRow } from "../../store/schema.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { SealedValues } from "../secrets/sealed-values.ts";

interface Credentials {
  readonly username: string;
  readonly password: string;
}

const PURPOSE = "registry";

export class Registries {
  readonly #ctx: Parts<"clock" | "store">;
  readonly #secrets: SealedValues;

  constructor(ctx: Parts<"clock" | "sealing" | "store">) {
    this.#ctx = ctx;
    this.#secrets = new SealedValues(ctx);
  }

  /** By registry. */
  list({ orgId }: Caller): Promise<readonly RegistryLoginRow[]> {
    return this.#ctx.store.registryLogins.list(orgId);
  }

  async get({ orgId }: Caller, registry: string): Promise<RegistryLoginRow> {
    const found = await this.#ctx.store.registryLogins.get(orgId, parseRegistry(registry));
    if (found === undefined) throw noLogin();
    return found;
  }

  async set({ orgId }: Caller, registry: string, given: Credentials): Promise<RegistryLoginRow> {
    const { store, clock } = this.#ctx;
    const name = parseRegistry(registry);
    const password = await this.#secrets.seal(orgId, PURPOSE, name, given.password);
    const at = clock.now();
    return await store.transaction(async (records) => {
      // Held before the count, so that several at once do not pass the limit together.
      await records.organisations.lock(orgId);
      const others = (await records.registryLogins.list(orgId)).filter((each) => each.registry !== name);
      if (others.length >= MAX_REGISTRY_LOGINS)
        throw new FastvmError(
          "conflict",
          `there are logins for ${MAX_REGISTRY_LOGINS} registries, which is the most there may be`,
        );
      await password.write(records);
      const { username } = given;
      return await records.registryLogins.put({
        orgId,
        registry: name,
        username,
        createdAt: at,
        updatedAt: at,
      });
    });
  }

  async remove({ orgId }: Caller, registry: string): Promise<void> {
    const name = parseRegistry(registry);
    await this.#ctx.store.transaction(async (records) => {
      await records.organisations.lock(orgId);
      await records.sealedValues.remove(orgId, PURPOSE, name);
      if (!(await records.registryLogins.remove(orgId, name))) throw noLogin();
    });
  }

  /** For a build of this organisation's, whose base images may be of any registry. */
  async all(orgId: OrgId): Promise<readonly (Credentials & { readonly registry: string })[]> {
    const logins = await this.#ctx.store.registryLogins.list(orgId);
    const all = await Promise.all(
      logins.map(async ({ registry }) => ({ registry, known: await this.credentialsFor(orgId, registry) })),
    );
    return all.flatMap(({ registry, known }) => (known === undefined ? [] : [{ registry, ...known }]));
  }

  /** For a pull of this organisation's. Absent: it is nobody there. */
  async credentialsFor(orgId: OrgId, registry: string): Promise<Credentials | undefined> {
    const login = await this.#ctx.store.registryLogins.get(orgId, registry);
    if (login === undefined) return undefined;
    const password = await this.#secrets.open(orgId, PURPOSE, registry);
    return password === undefined ? undefined : { username: login.username, password };
  }
}

function noLogin(): FastvmError {
  return new FastvmError("not_found", "there is no login for that registry", { field: "registry" });
}
