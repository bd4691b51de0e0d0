// Messages on their way: kept, in order, from the moment they are written until the hub's `ack`.
// The same message goes out under the same id however often it is sent; the hub drops the repeats.

export class Outbox {
  #entries = new Map();
  #bytes = 0;
  #limits;

  constructor(limits) {
    this.#limits = limits;
  }

  get size() { return this.#entries.size; }
  has(id) { return this.#entries.has(id); }
  get(id) { return this.#entries.get(id); }
  of(conversationKey) { return this.#all().filter((entry) => entry.conversationKey === conversationKey); }
  holds(conversationKey) { return this.#all().some((entry) => entry.conversationKey === conversationKey); }

  /** Keeps a message; false when the bound of count or bytes is met. */
  add({ id, conversationKey, text }) {
    const { outboxMax, outboxBytesMax } = this.#limits;
    if (this.#entries.size >= outboxMax || this.#bytes + text.length > outboxBytesMax) return false;
    this.#bytes += text.length;
    this.#entries.set(id, { id, conversationKey, text, attempts: 0, turn: 0, sentAt: null, notBefore: 0 });
    return true;
  }

  /** Takes the next messages to send, oldest first, as far as the window in flight allows. */
  takeReady(isReady, now) {
    const inFlight = this.#inFlight();
    let count = inFlight.length;
    let bytes = inFlight.reduce((sum, entry) => sum + entry.text.length, 0);
    const held = new Set();
    const taken = [];
    for (const entry of this.#entries.values()) {
      // A later message of a conversation never overtakes one that has to wait.
      if (entry.notBefore > now) held.add(entry.conversationKey);
      if (entry.sentAt !== null || held.has(entry.conversationKey) || !isReady(entry.conversationKey)) continue;
      const fits = count < this.#limits.inFlightMax && bytes + entry.text.length <= this.#limits.inFlightBytesMax;
      // A single message above the byte window still has to go out, alone.
      if (!fits && count > 0) break;
      entry.sentAt = now;
      entry.attempts += 1;
      entry.turn += 1;
      count += 1;
      bytes += entry.text.length;
      taken.push(entry);
    }
    return taken;
  }

  /** Takes a message out: it was acknowledged, or given up. */
  remove(id) {
    const entry = this.#entries.get(id);
    if (!entry) return undefined;
    this.#entries.delete(id);
    this.#bytes -= entry.text.length;
    entry.turn += 1;
    return entry;
  }

  /** Marks all in flight as unsent, and returns them. It is not their fault, so no attempt is counted. */
  requeueAll() {
    const inFlight = this.#inFlight();
    for (const entry of inFlight) {
      entry.attempts -= 1;
      unsend(entry);
    }
    return inFlight;
  }

  requeue(id, notBefore) {
    const entry = this.#entries.get(id);
    if (entry) unsend(entry).notBefore = notBefore;
  }

  /** Marks as unsent what has waited too long for its `ack`; returns those entries. */
  requeueOverdue(now) {
    return this.#inFlight().filter((entry) => now - entry.sentAt >= this.#limits.ackTimeoutMs).map(unsend);
  }

  /** When something has to be looked at next: an `ack` overdue, or a wait over. */
  nextDue() {
    const times = this.#all()
      .map((entry) => (entry.sentAt === null ? entry.notBefore : entry.sentAt + this.#limits.ackTimeoutMs))
      .filter((time) => time > 0);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  /** The biggest message in flight, the likely cause of a close with 1009. */
  biggestInFlight() {
    return this.#inFlight().reduce((big, entry) => (big && big.text.length >= entry.text.length ? big : entry), undefined);
  }

  #all() { return [...this.#entries.values()]; }
  #inFlight() { return this.#all().filter((entry) => entry.sentAt !== null); }
}

function unsend(entry) {
  entry.sentAt = null;
  entry.notBefore = 0;
  return entry;
}
