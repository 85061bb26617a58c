/** What waits, over all organisations: for whoever watches the host. */
export interface QueueFigures {
  readonly waiting: { readonly vms: number; readonly builds: number; readonly webhooks: number };
  readonly buildsRunning: number;
  /** Of webhooks: what was given up and is still kept. */
  readonly deadLetters: number;
}
