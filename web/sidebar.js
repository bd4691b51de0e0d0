// The list of rooms and people, the same as tabs on a phone, and the forms that add to it.

import { avatar } from './avatar.js';
import { roomMark } from './column.js';
import { byId, el, setText, syncChildren } from './dom.js';

export class Sidebar {
  #actions;
  #items = new Map();
  #menu = byId('menu');
  #sidebar = byId('sidebar');

  /** `actions` takes `show(key)`, `join(room)`, `direct(user)`, which may throw, `problem(error)` and `signOut()`. */
  constructor(actions, user) {
    this.#actions = actions;
    this.#form('join-form', 'join-room', actions.join);
    this.#form('direct-form', 'direct-user', actions.direct);
    this.#menu.addEventListener('click', () => this.open(!this.isOpen));
    byId('menu-close').addEventListener('click', () => this.open(false));
    this.#sidebar.addEventListener('keydown', (event) => this.#onKey(event));
    byId('me').replaceChildren(
      avatar(user),
      el('span', { class: 'me-name' }, el('span', { class: 'hidden' }, 'Signed in as '), user),
      el('button', { type: 'button', class: 'quiet', onclick: actions.signOut }, 'Sign out'));
  }

  get isOpen() { return this.#sidebar.classList.contains('open'); }

  /** On a phone the list lies over the conversation. */
  open(isOpen) {
    this.#sidebar.classList.toggle('open', isOpen);
    this.#menu.setAttribute('aria-expanded', String(isOpen));
    if (isOpen) byId('menu-close').focus();
    else if (this.#sidebar.contains(document.activeElement)) this.#menu.focus();
  }

  /** Opens the list where it is hidden, and goes to a field of it. */
  goTo(fieldId) {
    this.open(true);
    byId(fieldId).focus();
  }

  /** `entries` are `{key, kind, name, unread, isActive, isShown, isBroken}`, rooms first. */
  update(entries) {
    for (const key of this.#items.keys()) if (!entries.some((entry) => entry.key === key)) this.#items.delete(key);
    const nodes = entries.map((entry) => ({ entry, ...this.#item(entry) }));
    for (const { entry, item, tab } of nodes) [item, tab].forEach((button) => describe(button, entry));
    const rows = (kind) => nodes.filter(({ entry }) => entry.kind === kind).map(({ row }) => row);
    syncChildren(byId('rooms'), rows('room'));
    syncChildren(byId('people'), rows('direct'));
    syncChildren(byId('tabs'), nodes.map(({ tab }) => tab));
    const active = nodes.find(({ entry }) => entry.isActive);
    if (active) keepInSight(byId('tabs'), active.tab);
  }

  #item({ key, kind, name }) {
    const known = this.#items.get(key);
    if (known) return known;
    const button = (className) => el('button', {
      type: 'button', class: className, 'data-key': key,
      onclick: () => { this.open(false); this.#actions.show(key); },
    }, kind === 'room' ? roomMark(name) : avatar(name), el('span', { class: 'label' }, name), el('span', { class: 'badge' }));
    const item = button('item');
    const made = { item, tab: button('tab'), row: el('li', {}, item) };
    this.#items.set(key, made);
    return made;
  }

  #form(formId, inputId, act) {
    const input = byId(inputId);
    byId(formId).addEventListener('submit', (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (name === '') return;
      try {
        act(name);
      } catch (error) {
        this.#actions.problem(error);
        return;
      }
      input.value = '';
      this.open(false);
    });
  }

  #onKey(event) {
    if (event.key === 'Escape' && this.isOpen) {
      event.preventDefault();
      return this.open(false);
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.altKey || !event.target.classList.contains('item')) return;
    event.preventDefault();
    const items = [...this.#sidebar.querySelectorAll('.item')];
    items[items.indexOf(event.target) + step]?.focus();
  }
}

function describe(button, { name, unread, isActive, isShown, isBroken }) {
  setText(button.querySelector('.badge'), unread > 99 ? '99+' : unread > 0 ? String(unread) : '');
  button.setAttribute('aria-label', [name, unread > 0 && `${unread} unread`, isBroken && 'not joined'].filter(Boolean).join(', '));
  button.classList.toggle('shown', isShown);
  button.classList.toggle('broken', isBroken);
  button.classList.toggle('has-unread', unread > 0);
  if (isActive) button.setAttribute('aria-current', 'true');
  else button.removeAttribute('aria-current');
}

function keepInSight(strip, tab) {
  const left = tab.offsetLeft - strip.offsetLeft;
  if (left < strip.scrollLeft) strip.scrollLeft = left - 12;
  else if (left + tab.offsetWidth > strip.scrollLeft + strip.clientWidth) strip.scrollLeft = left + tab.offsetWidth - strip.clientWidth + 12;
}
