/** Tells of what changed in this process, once the change is committed: VMs by their id, or organisations that have new events. */

export type ChangeListener<Key> = (key: Key) => void;

export class ChangeNotices<Key> {
  readonly #listeners = new Set<ChangeListener<Key>>();

  /** Returns the function that ends the subscription. */
  subscribe(listener: ChangeListener<Key>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(keys: Iterable<Key>): void {
    for (const key of keys) for (const listener of this.#listeners) listener(key);
  }
}
