// The messages of one conversation, each once, in the hub's order: by `createTime`, which is written in
// fixed width and so compares as text. Own messages that the hub has not confirmed stand behind all others.

export class Timeline {
  #confirmed = [];
  #pending = [];
  #byId = new Map();
  #bytes = 0;
  #limits;
  /** True once older messages were dropped to keep the bound. */
  trimmed = false;

  constructor(limits) {
    this.#limits = limits;
  }

  get size() { return this.#byId.size; }
  get pendingSize() { return this.#pending.length; }
  get oldest() { return this.#confirmed[0]; }
  get newest() { return this.#confirmed.at(-1); }
  get full() {
    return this.#confirmed.length >= this.#limits.timelineMax || this.#bytes >= this.#limits.timelineBytesMax;
  }

  get(id) { return this.#byId.get(id); }
  items() { return [...this.#confirmed, ...this.#pending]; }

  /** How many messages of others are newer than `createTime`. */
  countAfter(createTime) {
    let count = 0;
    for (let i = this.#confirmed.length - 1; i >= 0 && this.#confirmed[i].createTime > createTime; i -= 1) {
      if (!this.#confirmed[i].mine) count += 1;
    }
    return count;
  }

  /** Merges messages that the hub has confirmed; returns those that were new here. */
  merge(messages) {
    const added = [];
    for (const message of messages) {
      const known = this.#byId.get(message.id);
      // What the hub shows was stored, whatever was thought of it here.
      if (known?.state === 'failed') known.state = known.error = undefined;
      if (known) this.#confirm(known, message);
      else added.push(this.#insert(message));
    }
    this.#trim();
    return added;
  }

  /** Shows an own message before the hub knows it. */
  addPending(message) {
    this.#byId.set(message.id, message);
    this.#pending.push(message);
  }

  /** Changes the state of an own message: sending, failed, stored as. False when it is not here. */
  update(id, changes) {
    const message = this.#byId.get(id);
    if (!message) return false;
    this.#confirm(message, changes);
    return true;
  }

  remove(id) {
    const message = this.#byId.get(id);
    if (!message) return;
    this.#take(message);
    this.#byId.delete(id);
    if (message.createTime) this.#bytes -= message.bytes;
  }

  /** Forgets confirmed messages before a gap, so that what stands here is always without holes. */
  dropBefore(createTime) {
    while (this.oldest && this.oldest.createTime < createTime) this.remove(this.oldest.id);
  }

  #confirm(message, changes) {
    const moves = changes.createTime !== undefined && changes.createTime !== message.createTime;
    if (!moves) {
      Object.assign(message, changes);
      return;
    }
    this.remove(message.id);
    this.#insert(Object.assign(message, changes));
  }

  #insert(message) {
    message.bytes ??= weigh(message);
    // Nearly always the newest, so the place is looked for from the end.
    let at = this.#confirmed.length;
    while (at > 0 && isBefore(message, this.#confirmed[at - 1])) at -= 1;
    this.#confirmed.splice(at, 0, message);
    this.#byId.set(message.id, message);
    this.#bytes += message.bytes;
    return message;
  }

  #take(message) {
    const list = message.createTime ? this.#confirmed : this.#pending;
    const at = list.indexOf(message);
    if (at >= 0) list.splice(at, 1);
  }

  #trim() {
    const { timelineMax, timelineBytesMax } = this.#limits;
    while (this.#confirmed.length > timelineMax || (this.#bytes > timelineBytesMax && this.#confirmed.length > 1)) {
      this.remove(this.oldest.id);
      this.trimmed = true;
    }
  }
}

function isBefore(a, b) {
  if (a.createTime !== b.createTime) return a.createTime < b.createTime;
  return a.id < b.id;
}

/** Roughly the memory of a message; pictures travel as text inside the payload. */
function weigh(message) {
  let bytes = 256;
  for (const value of Object.values(message.payload)) bytes += typeof value === 'string' ? value.length : 64;
  return bytes;
}
