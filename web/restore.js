// Brings conversations up to date after a connection: joins the room, then reads what was missed. In this
// order, because what arrives between the two comes live. A few at a time, again when it fails for a while.

import { messageOf } from './conversation.js';
import { fillMissed, pageOf, readOlder } from './history.js';
import { Tasks } from './tasks.js';

/** Failures that pass by themselves; all others wait for the user. */
const PASSING = new Set(['timeout', 'rate_limited', 'store_unavailable', 'internal', 'too_many_requests']);

export class Restore {
  #deps;
  #limits;
  #tasks;
  #pageSize;
  // Counts connections, so that a job of an earlier one can see that it is too late.
  #session = 0;

  /**
   * `request(type, fields)` asks the hub; `isOnline()` and `isOpen(conversation)` tell what still holds.
   * `hear` takes `changed(conversation)`, `joined(conversation)`, `refused(conversation)` and
   * `read(conversation, reason, messages)`.
   */
  constructor({ limits, timers, userId, request, isOnline, isOpen, hear }) {
    this.#deps = { timers, userId, request, isOnline, isOpen, hear };
    this.#limits = limits;
    this.#tasks = new Tasks(limits.restoresMax);
    this.#pageSize = limits.pageSize;
  }

  /** Begins or ends a connection: what runs for the one before is void. */
  turn() {
    this.#session += 1;
    this.#tasks.clear();
  }

  /** Asks for less at a time: the hub found us too slow for what it sent. */
  shrinkPages() {
    this.#pageSize = Math.max(this.#limits.pageSizeMin, Math.floor(this.#pageSize / 2));
  }

  /** Brings a conversation up to date, unless that is under way, or the hub has refused it. */
  start(conversation) {
    if (!this.#deps.isOnline() || conversation.joined === 'asking' || conversation.joined === 'refused') return;
    if (conversation.kind === 'room' && conversation.joined === 'no') conversation.joined = 'asking';
    this.#deps.hear.changed(conversation);
    const session = this.#session;
    this.#tasks.add(() => this.#run(conversation, session, 0));
  }

  /** Like `start`, when the user asks for it: a refusal is tried again, what is up to date is left alone. */
  startAgain(conversation) {
    if (conversation.joined === 'refused') conversation.joined = 'no';
    if (conversation.joined === 'no' || !conversation.live) this.start(conversation);
  }

  /** Reads one older page; resolves with the messages that were new. */
  older(conversation) {
    return readOlder(conversation, (cursor) => this.#page(conversation, cursor), this.#pageSize);
  }

  async #run(conversation, session, attempt) {
    const stale = () => session !== this.#session || !this.#deps.isOpen(conversation);
    if (stale()) return;
    try {
      if (conversation.kind === 'room' && conversation.joined !== 'yes') await this.#join(conversation, stale);
      if (!stale()) await this.#fill(conversation, stale);
    } catch (error) {
      if (!stale()) this.#failed(conversation, session, attempt, error);
    }
  }

  async #join(conversation, stale) {
    await this.#deps.request('join_room', { room: conversation.name });
    if (stale()) return;
    conversation.joined = 'yes';
    conversation.error = null;
    this.#deps.hear.changed(conversation);
    this.#deps.hear.joined(conversation);
  }

  async #fill(conversation, stale) {
    const isFirst = conversation.mark === null;
    const added = await fillMissed(conversation, (cursor) => this.#page(conversation, cursor), this.#limits, this.#pageSize);
    if (stale()) return;
    conversation.live = true;
    conversation.error = null;
    this.#deps.hear.changed(conversation);
    this.#deps.hear.read(conversation, isFirst ? 'history' : 'missed', added);
  }

  #failed(conversation, session, attempt, error) {
    const passing = PASSING.has(error.code);
    const again = passing && attempt + 1 < this.#limits.fillAttemptsMax;
    conversation.error = error;
    if (conversation.joined === 'asking' && !again) conversation.joined = passing ? 'no' : 'refused';
    if (conversation.joined === 'refused') this.#deps.hear.refused(conversation);
    this.#deps.hear.changed(conversation);
    if (!again) return;
    const wait = error.retryAfterMs ?? this.#limits.retryMs * 2 ** attempt;
    this.#deps.timers.setTimeout(() => {
      if (session === this.#session) this.#tasks.add(() => this.#run(conversation, session, attempt + 1));
    }, wait);
  }

  async #page(conversation, { limit, before }) {
    const { request, userId } = this.#deps;
    const cursor = before === undefined ? { limit } : { limit, before };
    const reply = conversation.kind === 'room'
      ? await request('get_recent_messages', { room: conversation.name, payload: cursor })
      : await request('get_direct_messages', { payload: { withUser: conversation.name, ...cursor } });
    return pageOf(reply.payload ?? {}, limit, (frame) => messageOf(frame, userId));
  }
}
