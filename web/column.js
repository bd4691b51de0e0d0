// One conversation on the screen: its head, its messages, and the place to write.

import { avatar } from './avatar.js';
import { el, icon, setText } from './dom.js';
import { MessageLog } from './log.js';
import { errorText } from './words.js';

const CLOSE = 'M6 6l12 12M18 6L6 18';
const SEND = 'M5 12l14-7-5 14-3-6z';

export class Column {
  #conversation;
  #actions;
  #subtitle = el('p', { class: 'subtitle' });
  #again = el('button', { type: 'button', class: 'again', hidden: true, onclick: () => this.#actions.rejoin(this.key) }, 'Try again');
  #error = el('p', { class: 'form-error', role: 'alert' });
  #jump = el('button', { type: 'button', class: 'jump', hidden: true, onclick: () => this.#toEnd() });
  #input;
  #log;

  /**
   * `actions` takes `send(key, text)`, `leave(key)`, `rejoin(key)`, `older(key)`, `person(name)`,
   * `resend(key, id)`, `discard(key, id)`, `seen(key)`, `focused(key)`, `draft(key, text)`, `unread(key)`
   * and `isOnline()`.
   */
  constructor(conversation, actions, draft = '') {
    const { key, name, kind } = conversation;
    this.key = key;
    this.#conversation = conversation;
    this.#actions = actions;
    this.#log = new MessageLog({
      conversation, label: kind === 'room' ? `Messages in ${name}` : `Messages with ${name}`, isOnline: actions.isOnline,
      on: {
        person: actions.person,
        resend: (id) => actions.resend(key, id),
        discard: (id) => actions.discard(key, id),
        older: () => actions.older(key),
        moved: () => this.#moved(),
      },
    });
    this.element = el('section', { class: `column ${kind}`, 'aria-label': kind === 'room' ? `Room ${name}` : `Conversation with ${name}`, 'data-key': key },
      this.#head(), el('div', { class: 'log-frame' }, this.#log.element, this.#jump), this.#composer(draft));
    this.element.addEventListener('focusin', () => actions.focused(key));
    this.element.addEventListener('keydown', (event) => this.#onKey(event));
  }

  get following() { return this.#log.following; }

  focus() { this.#input.focus({ preventScroll: true }); }
  dispose() { this.#log.dispose(); }

  update({ aloud } = {}) {
    this.#log.update({ aloud });
    this.describe();
    this.#moved();
  }

  /** Shows the state of the conversation, apart from its messages. */
  describe() {
    const { kind, joined, error, degraded, live } = this.#conversation;
    const failed = error !== null && (joined === 'refused' || !live);
    const waiting = this.#actions.isOnline() && !live ? (joined === 'asking' ? 'Joining…' : 'Loading…') : '';
    const calm = degraded ? 'The history may be short' : kind === 'room' ? 'Room' : 'Direct messages';
    setText(this.#subtitle, failed ? errorText(error) : waiting || calm);
    this.#subtitle.classList.toggle('bad', failed);
    this.#again.hidden = !failed;
  }

  #head() {
    const { name, kind, key } = this.#conversation;
    const leave = kind === 'room' ? `Leave ${name}` : `Close the conversation with ${name}`;
    return el('header', { class: 'column-head' },
      kind === 'room' ? roomMark(name) : avatar(name),
      el('div', { class: 'titles' }, el('h2', {}, name), this.#subtitle),
      this.#again,
      el('button', { type: 'button', class: 'icon-button', 'aria-label': leave, title: leave, onclick: () => this.#actions.leave(key) }, icon(CLOSE)));
  }

  #composer(draft) {
    const { name, key, kind } = this.#conversation;
    const label = kind === 'room' ? `Message to ${name}` : `Message to ${name}, direct`;
    this.#input = el('textarea', { rows: 1, placeholder: `Write to ${name}`, 'aria-label': label, enterkeyhint: 'send', autocomplete: 'off' });
    this.#input.value = draft;
    this.#input.addEventListener('input', () => {
      this.#fit();
      this.#actions.draft(key, this.#input.value);
    });
    queueMicrotask(() => this.#fit());
    return el('form', { class: 'composer', onsubmit: (event) => { event.preventDefault(); this.#send(); } },
      this.#error,
      el('div', { class: 'write' }, this.#input, el('button', { type: 'submit', class: 'send', 'aria-label': 'Send', title: 'Send (Enter)' }, icon(SEND))));
  }

  #send() {
    const text = this.#input.value.trim();
    if (text === '') return;
    try {
      this.#actions.send(this.key, text);
    } catch (error) {
      setText(this.#error, errorText(error));
      return;
    }
    setText(this.#error, '');
    this.#input.value = '';
    this.#actions.draft(this.key, '');
    this.#fit();
    this.#log.toEnd();
  }

  #onKey(event) {
    // While an input method composes, Enter takes its suggestion.
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    const writing = event.target === this.#input;
    if (event.key === 'Enter' && writing && !event.shiftKey) this.#send();
    else if (event.key === 'Escape') (writing ? this.#log.element : this.#input).focus();
    else return;
    event.preventDefault();
  }

  // Grows with its lines up to the height that the style sheet allows.
  #fit() {
    this.#input.rows = Math.min(8, this.#input.value.split('\n').length);
    if (CSS.supports('field-sizing', 'content')) return;
    while (this.#input.rows < 8 && this.#input.scrollHeight > this.#input.clientHeight + 2) this.#input.rows += 1;
  }

  #toEnd() {
    this.#log.toEnd();
    this.focus();
  }

  #moved() {
    if (this.#log.following) this.#actions.seen(this.key);
    this.#jump.hidden = this.#log.following;
    const unread = this.#actions.unread(this.key);
    setText(this.#jump, unread > 0 ? `${unread} new ↓` : 'Newest ↓');
  }
}

/** A room's sign: its first letter, on a plain tile. */
export function roomMark(name) {
  return el('span', { class: 'room-mark', 'aria-hidden': 'true' }, [...name][0].toUpperCase());
}
