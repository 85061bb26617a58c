/** Templates on the wire, under TypeScript's names. */

export type TemplateBuildStatus = "queued" | "building" | "ready" | "failed" | "cancelled";

export interface TemplateInfo {
  readonly id: string;
  readonly name: string;
  /** `app:latest`. */
  readonly canonicalRef: string;
  /** Its other names. */
  readonly aliases: readonly string[];
  readonly visibility: string;
  readonly tags: readonly { readonly tag: string; readonly buildId: string; readonly promotedAt: string }[];
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface TemplateBuildInfo {
  readonly id: string;
  readonly templateId: string;
  /** Its name. */
  readonly template: string;
  readonly tag: string;
  readonly status: TemplateBuildStatus;
  readonly error: string | null;
  readonly resources: { readonly vcpus: number; readonly memoryMb: number; readonly diskMb: number };
  readonly cacheSummary: { readonly stepsRan: number | null; readonly stepsCached: number | null };
  readonly artifactAvailability: string;
  readonly promotability: string;
  readonly promotedTags: readonly string[];
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

export interface TemplateLogs {
  readonly buildId: string;
  readonly offset: number;
  readonly nextOffset: number;
  readonly lines: readonly string[];
  readonly status: TemplateBuildStatus;
  /** Nothing follows. */
  readonly complete: boolean;
}

export interface TemplateResources {
  readonly vcpus?: number | undefined;
  readonly memoryMb?: number | undefined;
  readonly diskMb?: number | undefined;
}

/** By what a start command is known to be ready; one of them. */
export interface Readiness {
  readonly waitForPort?: number | undefined;
  readonly waitForUrl?: string | undefined;
  readonly waitForCommand?: string | undefined;
  readonly timeoutSeconds?: number | undefined;
}
