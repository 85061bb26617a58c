/** Warm pools on the wire, under TypeScript's names. */

export type CheckoutMode = "prefer" | "require" | "bypass";

export interface WarmPoolCounts {
  /** How many are to be ready. */
  readonly target: number;
  /** Of the present build, to be had now. */
  readonly ready: number;
  readonly warming: number;
  /** That became somebody's, ever. */
  readonly claimed: number;
  readonly draining: number;
  readonly failed: number;
  readonly expired: number;
  readonly unavailable: number;
}

export interface WarmPoolInfo {
  /** `twp_…`. */
  readonly id: string;
  readonly name: string;
  readonly templateRef: string;
  readonly resolvedTemplate: string;
  readonly resolvedTemplateBuildId: string | null;
  readonly previousResolvedTemplateBuildId: string | null;
  readonly resources: { readonly vcpus: number; readonly memoryMb: number; readonly diskMb: number };
  readonly minReady: number;
  readonly maxReady: number;
  readonly checkoutPolicy: CheckoutMode;
  readonly versionPolicy: "pinned_build" | "track_tag";
  readonly staleAfterSeconds: number | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly state: "enabled" | "disabled" | "draining";
  /** One more with each build that is followed. */
  readonly rolloutGeneration: number;
  readonly counts: WarmPoolCounts;
  /** What keeps it from being full. */
  readonly conditions: readonly { readonly code: string; readonly message: string | null }[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly enabledAt: string | null;
  readonly disabledAt: string | null;
  readonly drainRequestedAt: string | null;
  readonly lastReconciledAt: string | null;
}

/** What can be changed later; in an update, what is not named stays. */
export interface WarmPoolChanges {
  readonly name?: string | undefined;
  readonly minReady?: number | undefined;
  /** More are ended. Default: `minReady`. */
  readonly maxReady?: number | undefined;
  /** For a create that names the pool and no mode. Default `prefer`. */
  readonly checkoutPolicy?: CheckoutMode | undefined;
  readonly versionPolicy?: "pinned_build" | "track_tag" | undefined;
  /** Ready machines that are older are replaced. Default: never. */
  readonly staleAfterSeconds?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

export interface CreateWarmPoolParams extends WarmPoolChanges {
  readonly name: string;
  /** How many are kept ready. */
  readonly minReady: number;
  /** Default `base`. */
  readonly templateRef?: string | undefined;
  readonly resources?:
    | {
        readonly vcpus?: number | undefined;
        readonly memoryMb?: number | undefined;
        readonly diskMb?: number | undefined;
      }
    | undefined;
}
