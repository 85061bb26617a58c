/** A piece of what a command printed, or something that happened to its sandbox. */

export type OutputSource = "stdout" | "stderr" | "output";

export interface LogLine {
  readonly source: OutputSource | "system";
  readonly at: number;
  readonly text: string;
  /** That the sandbox failed. */
  readonly isFailure?: boolean;
}
