// How far each conversation was read on this page, for its unread hints. Nothing of it goes to the hub.

export class Reads {
  #seen;

  /** `seen` maps a conversation's key to the `createTime` of the newest message that was in sight. */
  constructor(seen = {}) {
    this.#seen = new Map(Object.entries(seen));
  }

  /** Call with each change of a timeline: the past of a new conversation counts as read, a live message does not. */
  noteFirst({ key, timeline, mark }, reason, added) {
    if (this.#seen.has(key)) return;
    // Times compare as text, so the time without its last letter is just before itself.
    if (reason === 'live' && added.length > 0) this.#seen.set(key, added[0].createTime.slice(0, -1));
    else if (mark !== null) this.#seen.set(key, timeline.newest?.createTime ?? '');
  }

  markSeen({ key, timeline }) {
    const newest = timeline.newest?.createTime;
    if (newest === undefined || newest <= (this.#seen.get(key) ?? '')) return false;
    this.#seen.set(key, newest);
    return true;
  }

  unread({ key, timeline }) {
    return this.#seen.has(key) ? timeline.countAfter(this.#seen.get(key)) : 0;
  }

  /** What to remember, for the conversations that are open. */
  toJson(keys) {
    return Object.fromEntries(keys.filter((key) => this.#seen.has(key)).map((key) => [key, this.#seen.get(key)]));
  }
}
