// Keeps the client below the hub's rate limit: a frame above it would be dropped without a reply of its own.

export class Pacer {
  #tokens;
  #filledAt;
  #queue = [];
  #timer = null;
  #timers;
  #now;
  #perSec;
  #burst;

  constructor({ timers, now, perSec, burst }) {
    this.#timers = timers;
    this.#now = now;
    this.configure({ perSec, burst });
  }

  /** Sets the rate, at the start of a connection: nothing of an older one counts any more. */
  configure({ perSec, burst }) {
    this.clear();
    this.#perSec = perSec;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledAt = this.#now();
  }

  /** Runs `send` now, or in turn when the rate allows. What may wait here is bounded by its callers. */
  run(send) {
    this.#queue.push(send);
    if (this.#timer === null) this.#drain();
  }

  /** Sends nothing for `ms`: the hub said that it was too much. */
  pause(ms) {
    this.#tokens = 0;
    this.#filledAt = this.#now() + ms;
    if (this.#timer !== null) this.#timers.clearTimeout(this.#timer);
    this.#timer = null;
    this.#drain();
  }

  clear() {
    this.#queue = [];
    if (this.#timer !== null) this.#timers.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #drain() {
    this.#timer = null;
    this.#refill();
    while (this.#queue.length > 0 && this.#tokens >= 1) {
      this.#tokens -= 1;
      this.#queue.shift()();
    }
    if (this.#queue.length === 0) return;
    const ready = this.#filledAt + ((1 - this.#tokens) * 1000) / this.#perSec;
    this.#timer = this.#timers.setTimeout(() => this.#drain(), Math.max(1, Math.ceil(ready - this.#now())));
  }

  #refill() {
    const passed = this.#now() - this.#filledAt;
    // Negative during a pause.
    if (passed <= 0) return;
    this.#tokens = Math.min(this.#burst, this.#tokens + (passed * this.#perSec) / 1000);
    this.#filledAt = this.#now();
  }
}
