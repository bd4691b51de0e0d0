// The state of the connection and of the service, in plain words, with the seconds running down.

import { byId, el, setText } from './dom.js';
import { connectionWords, serviceWords } from './words.js';

const TICK_MS = 250;

export class Status {
  #client;
  #host = byId('status');
  #dot = el('span', { class: 'dot', 'aria-hidden': 'true' });
  #text = el('span', { class: 'status-text', role: 'status' });
  // Not in the live region: it would be read aloud every second.
  #detail = el('span', { class: 'status-detail' });
  #retry = el('button', { type: 'button', class: 'again', hidden: true });
  #service = el('p', { class: 'service', role: 'status' });
  #unsent = el('p', { class: 'unsent' });
  // On a phone the list is hidden most of the time; there a strip under the tabs says it, when there is something to say.
  #strip = [...byId('strip').children];
  #timer = null;

  constructor(client) {
    this.#client = client;
    this.#retry.addEventListener('click', () => client.connect());
    this.#host.replaceChildren(el('p', { class: 'status-line' }, this.#dot, this.#text, this.#detail, this.#retry), this.#unsent, this.#service);
    this.update();
  }

  update() {
    clearTimeout(this.#timer);
    const { state, service, unsent } = this.#client;
    const words = connectionWords(state, Date.now());
    document.documentElement.dataset.tone = words.tone === 'good' && service.store === 'degraded' ? 'warn' : words.tone;
    setText(this.#text, words.text);
    setText(this.#detail, words.detail ?? '');
    setText(this.#retry, words.stopped ? 'Connect again' : 'Now');
    if (words.stopped || state.phase === 'waiting') this.#retry.setAttribute('aria-label', 'Connect now');
    this.#retry.hidden = !(words.stopped || state.phase === 'waiting');
    this.#host.classList.toggle('away', words.detail !== undefined || words.stopped === true || state.attempt > 0);
    const trouble = state.phase === 'online' ? serviceWords(service) ?? '' : words.text;
    setText(this.#strip[0], trouble);
    setText(this.#strip[1], words.detail ?? '');
    const waits = state.phase !== 'online' && unsent > 0;
    setText(this.#unsent, waits ? `${unsent} ${unsent === 1 ? 'message waits' : 'messages wait'} to be sent` : '');
    setText(this.#service, state.phase === 'online' ? trouble : '');
    if (state.phase === 'waiting') this.#timer = setTimeout(() => this.update(), TICK_MS);
  }
}
