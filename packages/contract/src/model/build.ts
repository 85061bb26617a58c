/** What a build is, in nobody's words: each API has its own for these. */

export type BuildStatus = "pending" | "running" | "succeeded" | "failed" | "cancelled";
