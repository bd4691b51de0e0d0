// Messages out: sends what the outbox holds, in order and within the window, until the hub has acknowledged it.
// What a message looks like in its conversation is told through `show(conversationKey, id, changes)`.

import { HubError } from './errors.js';
import { Outbox } from './outbox.js';

export class Delivery {
  #outbox;
  #limits;
  #timers;
  #now;
  #pacer;
  #socket;
  #canSend;
  #show;
  #timer = null;

  /** `socket` has `send(text)`, `online` and `unsentBytes`; `canSend(key)` tells whether a conversation is ready. */
  constructor({ limits, timers, now, pacer, socket, canSend, show }) {
    this.#outbox = new Outbox(limits);
    this.#limits = limits;
    this.#timers = timers;
    this.#now = now;
    this.#pacer = pacer;
    this.#socket = socket;
    this.#canSend = canSend;
    this.#show = show;
  }

  get size() { return this.#outbox.size; }
  has(id) { return this.#outbox.has(id); }
  holds(conversationKey) { return this.#outbox.holds(conversationKey); }
  conversationOf(id) { return this.#outbox.get(id)?.conversationKey; }

  /** Keeps a message for sending. Throws a HubError when it is too large or too many wait. */
  post(conversationKey, address, message, frameBytesMax = this.#limits.frameBytesMax) {
    // The ref of a chat frame is its message's id, so that a reply with either finds it.
    const { id, payload } = message;
    const text = JSON.stringify({ type: 'chat_message', ...address, payload, messageId: id, ref: id });
    // The hub would close the connection on it, and again after each reconnect.
    if (new TextEncoder().encode(text).length > frameBytesMax) throw tooLarge();
    if (!this.#outbox.add({ id, conversationKey, text })) throw outboxFull();
  }

  /** Sends what can be sent now. Called whenever something may have become possible. */
  flush() {
    this.#timers.clearTimeout(this.#timer);
    if (!this.#socket.online) return;
    for (const entry of this.#outbox.takeReady(this.#canSend, this.#now())) {
      const turn = entry.turn;
      this.#show(entry.conversationKey, entry.id, { state: 'sending' });
      // By the time its turn comes it may have been taken back and queued anew.
      this.#pacer.run(() => { if (entry.turn === turn) this.#socket.send(entry.text); });
    }
    this.#wake();
  }

  /** The hub has the message. False when it was not waited for. */
  acknowledged(id, changes) {
    const entry = this.#outbox.remove(id);
    if (entry) this.#show(entry.conversationKey, id, { ...changes, error: undefined });
    this.flush();
    return entry !== undefined;
  }

  /** The hub refused the message: for now, or for good. */
  refused(id, error) {
    const entry = this.#outbox.get(id);
    if (!error.retryable || entry.attempts >= this.#limits.attemptsMax) return this.fail(id, error);
    this.#outbox.requeue(id, this.#now() + (error.retryAfterMs ?? this.#limits.retryMs));
    this.#show(entry.conversationKey, id, { state: 'queued' });
    this.#wake();
  }

  /** Frames above the rate are dropped without a word on each, so all that is in flight goes again. */
  slowDown(waitMs) {
    this.#outbox.requeueAll();
    this.#pacer.pause(waitMs);
    this.flush();
  }

  /** The connection ended. With `tooBig` the hub ended it because of a frame that must not go again. */
  disconnected({ tooBig }) {
    this.#timers.clearTimeout(this.#timer);
    const biggest = tooBig ? this.#outbox.biggestInFlight() : undefined;
    if (biggest) this.fail(biggest.id, tooLarge());
    for (const entry of this.#outbox.requeueAll()) this.#show(entry.conversationKey, entry.id, { state: 'queued' });
  }

  fail(id, error) {
    const entry = this.#outbox.remove(id);
    if (entry) this.#show(entry.conversationKey, id, { state: 'failed', error });
  }

  failConversation(conversationKey, error) {
    for (const entry of this.#outbox.of(conversationKey)) this.fail(entry.id, error);
  }

  /** Gives up what waits for a conversation that is gone. */
  forget(conversationKey) {
    for (const entry of this.#outbox.of(conversationKey)) this.#outbox.remove(entry.id);
  }

  #wake() {
    this.#timers.clearTimeout(this.#timer);
    const due = this.#outbox.nextDue();
    if (due === undefined) return;
    this.#timer = this.#timers.setTimeout(() => this.#look(), Math.max(1, due - this.#now()));
  }

  #look() {
    // While bytes wait in the socket the line is slow, and saying it twice would make it slower.
    if (this.#socket.unsentBytes > 0) {
      this.#timer = this.#timers.setTimeout(() => this.#look(), this.#limits.retryMs);
      return;
    }
    for (const entry of this.#outbox.requeueOverdue(this.#now())) {
      if (entry.attempts >= this.#limits.attemptsMax) this.fail(entry.id, notConfirmed());
    }
    this.flush();
  }
}

export function outboxFull() {
  return new HubError('outbox_full', 'Too many messages wait to be sent.', { retryable: true });
}

function tooLarge() {
  return new HubError('too_large', 'The message is too large for the hub.', { field: 'payload' });
}

function notConfirmed() {
  return new HubError('timeout', 'The hub did not confirm the message.', { retryable: true });
}
