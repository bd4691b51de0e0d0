// Named events with plain listeners. EventTarget would do, but wraps each detail in an Event.

export class Emitter {
  #listeners = new Map();

  /** Adds a listener and returns the function that removes it. */
  on(type, listener) {
    const list = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, list.add(listener));
    return () => list.delete(listener);
  }

  emit(type, detail) {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) {
      try {
        listener(detail);
      } catch (error) {
        // A fault in a listener must not leave the client half-way through a frame, nor be hidden.
        queueMicrotask(() => { throw error; });
      }
    }
  }
}
