/** What the catalogue says of each failure. */
export interface ErrorEntry {
  readonly status: number;
  /** What happened. */
  readonly message: string;
  /** What to do. */
  readonly hint: string;
  /** For the table of codes: when it is answered, in Markdown. */
  readonly when: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
}
