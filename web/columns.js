// Which conversations are on the screen: as many side by side as fit, the one last used never pushed out.

import { Column } from './column.js';
import { syncChildren } from './dom.js';

const WIDTH_MIN = 340;
const COLUMNS_MAX = 4;

export class Columns {
  #host;
  #actions;
  #columns = new Map();
  #drafts = new Map();
  // Least recently used first.
  #recent = [];
  #order = [];
  #capacity = 1;
  #onChange;
  active = null;

  /** `actions` are those of a column; `onChange` runs when other conversations are shown or active. */
  constructor({ host, actions, onChange }) {
    this.#host = host;
    this.#onChange = onChange;
    this.#actions = {
      ...actions,
      focused: (key) => this.#use(key),
      draft: (key, text) => { if (text) this.#drafts.set(key, text); else this.#drafts.delete(key); },
    };
    this.#capacity = this.#fitting();
    new ResizeObserver(() => this.#resized()).observe(host);
  }

  get shown() { return [...this.#columns.keys()]; }
  column(key) { return this.#columns.get(key); }

  /** Follows the list of conversations, in its order; fills free columns with those last used. */
  sync(conversations) {
    this.#order = conversations;
    const keys = conversations.map((each) => each.key);
    for (const key of this.#drafts.keys()) if (!keys.includes(key)) this.#drafts.delete(key);
    this.#recent = [...keys.filter((key) => !this.#recent.includes(key)).reverse(), ...this.#recent.filter((key) => keys.includes(key))];
    if (!keys.includes(this.active)) this.active = this.#recent.at(-1) ?? null;
    this.#layOut();
  }

  show(key, { focus = true } = {}) {
    this.#use(key);
    if (focus) this.#columns.get(key)?.focus();
  }

  update(key, options) { this.#columns.get(key)?.update(options); }
  updateAll() { for (const column of this.#columns.values()) column.update(); }

  #use(key) {
    if (!this.#order.some((each) => each.key === key)) return;
    if (this.active === key && this.#columns.has(key)) return;
    this.active = key;
    this.#recent = [...this.#recent.filter((each) => each !== key), key];
    this.#layOut();
  }

  #layOut() {
    const visible = new Set(this.#recent.slice(-this.#capacity));
    for (const [key, column] of this.#columns) {
      if (visible.has(key)) continue;
      column.dispose();
      this.#columns.delete(key);
    }
    const shown = this.#order.filter((each) => visible.has(each.key));
    const fresh = [];
    const columns = shown.map((conversation) => {
      let column = this.#columns.get(conversation.key);
      if (!column) fresh.push(column = new Column(conversation, this.#actions, this.#drafts.get(conversation.key)));
      column.element.classList.toggle('active', conversation.key === this.active);
      return column;
    });
    this.#columns = new Map(columns.map((column) => [column.key, column]));
    syncChildren(this.#host, columns.map((column) => column.element));
    this.#host.dataset.count = String(columns.length);
    for (const column of fresh) column.update();
    this.#onChange();
  }

  #fitting() {
    return Math.max(1, Math.min(COLUMNS_MAX, Math.floor(this.#host.clientWidth / WIDTH_MIN)));
  }

  #resized() {
    const capacity = this.#fitting();
    if (capacity === this.#capacity) return;
    this.#capacity = capacity;
    this.#layOut();
  }
}
