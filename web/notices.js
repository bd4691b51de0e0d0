// Short messages about what went wrong; each goes away by itself or with a click.

import { byId, el } from './dom.js';
import { errorText } from './words.js';

const SHOWN_MS = 8_000;
const NOTICES_MAX = 3;

export function notice(error) {
  const host = byId('notices');
  const text = errorText(error);
  // The same trouble over and over is one notice.
  for (const old of [...host.children]) if (old.dataset.text === text) old.remove();
  while (host.children.length >= NOTICES_MAX) host.firstElementChild.remove();
  const item = el('div', { class: 'notice', 'data-text': text }, el('span', {}, text));
  item.append(el('button', { type: 'button', class: 'quiet', onclick: () => item.remove() }, 'Dismiss'));
  host.append(item);
  setTimeout(() => item.remove(), SHOWN_MS);
}
