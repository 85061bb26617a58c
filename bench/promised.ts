/** One figure and the bound that it is held against. */
import type { Figures } from "./figures.ts";
import type { MeasureName } from "./options.ts";

export interface Promised {
  readonly figure: string;
  readonly bound: string;
  readonly measure: MeasureName;
  readonly unit: "ms" | "MiB" | "%";
  readonly measured: keyof Figures;
  /** What the same work costs without us. */
  readonly floor?: keyof Figures;
  /** In the unit of the figure. `undefined` where the floor that it depends on was not measured. */
  readonly limit: (figures: Figures, accelerator: string) => number | undefined;
  /** Shown beside the measured value. */
  readonly beside?: (figures: Figures) => string;
  /** Not ours, and beside what is: nothing is promised of it. */
  readonly isReference?: true;
  /** What the time or the memory goes into; the reason when the bound is not met. */
  readonly cost: string;
}

/** So many times a figure of the same run; no limit where that was not measured. */
export function times(factor: number, of: keyof Figures): Promised["limit"] {
  return ({ [of]: value }) => (value === undefined ? undefined : factor * value);
}
