/** The daemon's figures, as whoever gathers them hands them over. */
export interface MetricsSource {
  readonly contentType: string;
  readonly read: () => Promise<string>;
}
