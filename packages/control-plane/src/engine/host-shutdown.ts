/**
 * Whether the host is being shut down: until this process ends nothing starts by itself, or it would take the place of what has just
 * stopped.
 */
export class HostShutdown {
  #hasBegun = false;

  begin(): void {
    this.#hasBegun = true;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }
}
