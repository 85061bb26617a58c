/** The metadata of what an event is of, as it was then: the subject may be gone when the event is read. */
export function metadataOf({
  metadata,
}: {
  readonly metadata: Readonly<Record<string, string>>;
}): string | null {
  return Object.keys(metadata).length === 0 ? null : JSON.stringify(metadata);
}
