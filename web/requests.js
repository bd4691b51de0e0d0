// Requests that wait for a reply. Each carries a `ref`; the frame that brings it back settles it.

import { HubError } from './errors.js';

export class Requests {
  #waiting = new Map();
  #count = 0;
  #timers;
  #limits;

  constructor({ timers, limits }) {
    this.#timers = timers;
    this.#limits = limits;
  }

  get size() { return this.#waiting.size; }

  /** Opens a request: `ref` to send, `reply` resolves with the reply frame or rejects with a HubError. */
  open() {
    if (this.#waiting.size >= this.#limits.requestsMax) {
      const error = new HubError('too_many_requests', 'Too many requests wait for a reply.', { retryable: true });
      return { ref: undefined, reply: Promise.reject(error) };
    }
    const ref = `r${++this.#count}`;
    const reply = new Promise((resolve, reject) => {
      const timer = this.#timers.setTimeout(() => {
        this.fail(ref, new HubError('timeout', 'The hub did not answer in time.', { retryable: true, ref }));
      }, this.#limits.requestTimeoutMs);
      this.#waiting.set(ref, { resolve, reject, timer });
    });
    return { ref, reply };
  }

  /** Hands a frame to the request that waits for it; false when none does. */
  settle(frame) {
    const request = this.#take(frame.ref);
    request?.resolve(frame);
    return request !== undefined;
  }

  fail(ref, error) {
    const request = this.#take(ref);
    request?.reject(error);
    return request !== undefined;
  }

  /** A reply can only come on the connection that asked. */
  failAll(error) {
    for (const ref of [...this.#waiting.keys()]) this.fail(ref, error);
  }

  #take(ref) {
    const request = this.#waiting.get(ref);
    if (!request) return undefined;
    this.#waiting.delete(ref);
    this.#timers.clearTimeout(request.timer);
    return request;
  }
}
