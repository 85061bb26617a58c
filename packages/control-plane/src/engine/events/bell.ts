/** Asks whoever works in the background to look now, in this process; by the clock it looks anyway. */
export class Bell {
  #listener: () => void = () => undefined;

  ring(): void {
    this.#listener();
  }

  answerWith(listener: () => void): void {
    this.#listener = listener;
  }
}
