/** What a host keeps ready for all organisations, and can make again: templates, roots, images of registries, caches of builds. */

export interface CacheUse {
  /** Beyond it goes what was not used for the longest time. */
  readonly budgetBytes: number;
  /** What kinds share counts once. */
  readonly bytes: number;
  readonly kinds: readonly CacheKindUse[];
}

interface CacheKindUse {
  /**
   * `images`: of which VMs boot; `rootfs`: what base images are built of; `oci`: images of registries as they were pulled; `builds`: what
   * builds keep for those that follow, of each organisation; `compile`: code that Node has translated for daemons.
   */
  readonly kind: "images" | "templates" | "rootfs" | "oci" | "builds" | "compile";
  readonly entries: number;
  readonly bytes: number;
  /** Of these, what no daemon that runs uses. */
  readonly unneeded: number;
  readonly unneededBytes: number;
}

export interface PruneOptions {
  /** Images of registries, whoever's. */
  readonly images: boolean;
  /** All else. */
  readonly templates: boolean;
  /** What was used since is left. */
  readonly unusedForMs: number;
}

export interface PrunedCache {
  /** `templates/<digest>`, `oci/<digest>`, `builds/<organisation>`. */
  readonly removed: readonly string[];
  readonly bytes: number;
}

export interface CacheHolding {
  usage(): Promise<CacheUse>;

  /** Takes away what no daemon uses, but for what was used in the last ten minutes; caches of builds also then. */
  prune(options: PruneOptions): Promise<PrunedCache>;
}
