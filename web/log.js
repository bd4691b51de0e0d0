// The scrolling list of one conversation's messages: a bounded window of elements over the timeline.
// At its end it follows what comes; scrolled back it stands still, whatever is added above or below.

import { el, setText, syncChildren } from './dom.js';
import { messageElement, shapeOf } from './message.js';

const RENDERED_MAX = 500;
const STEP = 60;
// So close to an edge, in pixels, more is shown there.
const NEAR = 240;
const AT_END = 48;
// Screen readers take changes up a little later than they happen.
const QUIET_MS = 400;

export class MessageLog {
  #conversation;
  #on;
  #isOnline;
  #rows = el('div', { class: 'rows' });
  #top = el('div', { class: 'log-top' });
  #older = el('button', { type: 'button', class: 'older', onclick: () => this.#showOlder() }, 'Show older messages');
  #topText = el('span');
  #elements = new Map();
  #start = 0;
  #end = 0;
  #lastTop = 0;
  #quietTimer = 0;
  #resizes;
  /** True while the newest message is in sight and kept there. */
  following = true;

  /** `on` takes what messages need, and `older()`, a promise, and `moved()` after scrolling. */
  constructor({ conversation, label, on, isOnline }) {
    this.#conversation = conversation;
    this.#on = on;
    this.#isOnline = isOnline;
    this.#top.append(this.#older, this.#topText);
    this.element = el('div', { class: 'log', role: 'log', 'aria-live': 'polite', 'aria-label': label, tabindex: 0 }, this.#top, this.#rows);
    this.element.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.element.addEventListener('keydown', (event) => { if (event.key === 'End') this.toEnd(); });
    this.#resizes = new ResizeObserver(() => this.#pin());
    this.#resizes.observe(this.#rows);
    this.#resizes.observe(this.element);
  }

  get rendered() { return this.#elements.size; }

  dispose() {
    this.#resizes.disconnect();
    clearTimeout(this.#quietTimer);
  }

  /** Shows the timeline as it is now. `aloud` lets a screen reader read what is new. */
  update({ aloud = false } = {}) {
    if (!aloud) this.#hush();
    const items = this.#conversation.timeline.items();
    this.#placeWindow(items);
    this.#render(items);
    this.#describeTop();
  }

  toEnd() {
    this.following = true;
    const { timeline } = this.#conversation;
    this.#end = timeline.items().length;
    this.#start = Math.max(0, this.#end - STEP);
    this.#hush();
    this.#render(timeline.items());
    this.#on.moved();
  }

  // Finds the window again after the timeline changed under it.
  #placeWindow(items) {
    const ids = [...this.#elements.keys()];
    const first = items.findIndex((message) => this.#elements.has(message.id));
    if (this.following || first < 0) {
      this.#end = items.length;
      const from = first < 0 ? this.#end - STEP : Math.min(first, this.#end - STEP);
      this.#start = Math.max(0, from, this.#end - RENDERED_MAX);
      return;
    }
    this.#start = first;
    this.#end = Math.min(items.length, first + Math.max(ids.length, STEP));
  }

  #render(items) {
    const anchor = this.following ? null : this.#anchor();
    const shown = items.slice(this.#start, this.#end);
    const isOnline = this.#isOnline();
    const elements = new Map();
    shown.forEach((message, i) => {
      // The first one shown begins anew, with its day and its author.
      const shape = shapeOf(message, shown[i - 1], items[this.#start + i + 1], isOnline);
      const key = JSON.stringify(shape);
      const known = this.#elements.get(message.id);
      elements.set(message.id, known?.key === key ? known : { key, node: messageElement(message, shape, this.#on) });
    });
    this.#elements = elements;
    syncChildren(this.#rows, [...elements.values()].map((each) => each.node));
    if (anchor) this.#holdTo(anchor);
    else this.#pin();
  }

  #describeTop() {
    const { hasMore, loading, timeline, mark } = this.#conversation;
    const more = this.#start > 0 || (hasMore && !timeline.full);
    this.#older.hidden = !more;
    this.#older.disabled = loading;
    const start = mark === null ? '' : timeline.oldest ? 'This is the beginning.' : 'Nothing has been said here yet.';
    setText(this.#topText, loading ? 'Loading older messages…' : more ? '' : hasMore ? 'Older messages are not shown here.' : start);
  }

  async #showOlder() {
    if (this.#start === 0) {
      if (!this.#conversation.hasMore || this.#conversation.loading) return;
      await this.#on.older();
      this.update();
    }
    if (this.#start === 0) return;
    this.#start = Math.max(0, this.#start - STEP);
    if (this.#end - this.#start > RENDERED_MAX) {
      this.#end = this.#start + RENDERED_MAX;
      this.following = false;
    }
    this.#hush();
    this.#render(this.#conversation.timeline.items());
    this.#describeTop();
  }

  #showNewer() {
    const items = this.#conversation.timeline.items();
    if (this.#end >= items.length) return;
    this.#end = Math.min(items.length, this.#end + STEP);
    this.#start = Math.max(this.#start, this.#end - RENDERED_MAX);
    this.#render(items);
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    const below = scrollHeight - scrollTop - clientHeight;
    const isLast = this.#end >= this.#conversation.timeline.size;
    // Only the reader's own scrolling up ends the following, never content that grows.
    if (below < AT_END && isLast) this.following = true;
    else if (scrollTop < this.#lastTop - 1) this.following = false;
    this.#lastTop = scrollTop;
    if (scrollTop < NEAR && !this.following) this.#showOlder().catch(() => {});
    if (below < NEAR) this.#showNewer();
    this.#on.moved();
  }

  // The first row in sight, and where it stands.
  #anchor() {
    const { top } = this.element.getBoundingClientRect();
    for (const node of this.#rows.children) {
      const box = node.getBoundingClientRect();
      if (box.bottom > top) return { id: node.dataset.id, bottom: box.bottom };
    }
    return null;
  }

  // By its lower edge: its upper part changes when it is no longer the first one.
  #holdTo({ id, bottom }) {
    const node = this.#elements.get(id)?.node;
    if (node) this.element.scrollTop += node.getBoundingClientRect().bottom - bottom;
    this.#lastTop = this.element.scrollTop;
  }

  #pin() {
    if (!this.following) return;
    this.element.scrollTop = this.element.scrollHeight;
    this.#lastTop = this.element.scrollTop;
  }

  #hush() {
    this.element.setAttribute('aria-live', 'off');
    clearTimeout(this.#quietTimer);
    this.#quietTimer = setTimeout(() => this.element.setAttribute('aria-live', 'polite'), QUIET_MS);
  }
}
