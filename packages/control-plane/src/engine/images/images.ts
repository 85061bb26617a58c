/** Images of registries, as an organisation sees them: its own and everybody's. Of any other there is no sign. */
import { createHash } from "node:crypto";
import { FastvmError, formatReference, parseReference } from "@fastvm/contract";
import type { HeldImage, ImageDetails, ImageHolding, ImportOrder, PullOrder } from "@fastvm/contract";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { ownsHost } from "../organisations/owns-host.ts";
import { Registries } from "../registries/registries.ts";
import { Pulls } from "./pulls.ts";

/** A folder or a disk of the host, to be an image of that name. */
export type HostRoot = Pick<ImportOrder, "path" | "format" | "fstype" | "name">;

export type ImagePullOrder = Omit<PullOrder, "owner">;

/** `image` is absent while it is on its way. */
interface PullOutcome {
  readonly reference: string;
  readonly image: HeldImage | undefined;
}

export class Images {
  readonly #registries: Registries;
  readonly #holding: ImageHolding | undefined;
  readonly #pulls: Pulls;
  readonly #store: Parts<"store">["store"];

  constructor(ctx: Parts<"store" | "clock" | "sealing" | "images" | "config">) {
    this.#registries = new Registries(ctx);
    this.#holding = ctx.images;
    this.#store = ctx.store;
    this.#pulls = new Pulls(ctx.config.launchAnswerMs);
  }

  async list({ orgId }: Caller): Promise<readonly HeldImage[]> {
    return (await this.#holding?.list(orgId)) ?? [];
  }

  inspect({ orgId }: Caller, image: string): Promise<ImageDetails> {
    return this.#required().inspect(image, orgId);
  }

  /** The organisation's own alone. */
  async remove({ orgId }: Caller, image: string): Promise<void> {
    await this.#required().remove(image, orgId);
  }

  /** Resolves within the time that an answer may take; the pull goes on, and the same order waits for it. */
  async pull({ orgId }: Caller, order: ImagePullOrder): Promise<PullOutcome> {
    const holding = this.#required();
    const parsed = parseReference(order.reference);
    const reference = formatReference(parsed);
    const key = keyOf([orgId, reference, order.policy, order.credentials ?? null]);
    const image = await this.#pulls.join(orgId, key, async () => {
      const credentials =
        order.credentials ?? (await this.#registries.credentialsFor(orgId, parsed.registry));
      return await holding.pull({ ...order, owner: orgId, credentials });
    });
    return { reference, image };
  }

  /** For keys of the first organisation, whose the host is; from where its operator lets images come. Replaces what had that name. */
  async importFromHost({ orgId }: Caller, order: HostRoot): Promise<void> {
    await this.assertMayImport({ orgId });
    await this.#required().import({ ...order, owner: orgId });
  }

  /** Rejects with `insufficient_scope`. */
  async assertMayImport({ orgId }: Pick<Caller, "orgId">): Promise<void> {
    if (await ownsHost(this.#store, orgId)) return;
    const message = "files of the host are for keys of its first organisation";
    throw new FastvmError("insufficient_scope", message, { field: "image" });
  }

  #required(): ImageHolding {
    if (this.#holding === undefined) throw new FastvmError("not_found", "this host keeps no images");
    return this.#holding;
  }
}

/** Nobody is to find a password in it. */
function keyOf(order: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(order)).digest("hex");
}
