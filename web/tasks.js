// Runs asynchronous jobs, a few at a time. Emptied when the connection ends.

export class Tasks {
  #running = 0;
  #queue = [];
  #max;

  constructor(max) {
    this.#max = max;
  }

  /** Queues a job, which reports its own faults. What waits here is bounded by the conversations. */
  add(job) {
    this.#queue.push(job);
    this.#next();
  }

  clear() {
    this.#queue = [];
  }

  #next() {
    if (this.#running >= this.#max || this.#queue.length === 0) return;
    this.#running += 1;
    Promise.resolve(this.#queue.shift()()).finally(() => {
      this.#running -= 1;
      this.#next();
    });
  }
}
