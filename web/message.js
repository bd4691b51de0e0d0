// One message as it stands in the log.

import { avatar, hueOf } from './avatar.js';
import { dayText, fullTimeText, timeText } from './dates.js';
import { el } from './dom.js';
import { contentOf } from './images.js';
import { errorText, messageStateWords } from './words.js';

// Messages of one author within this time stand together under one name.
const GROUP_MS = 5 * 60_000;
const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/g;

/**
 * How a message stands among its neighbours; both may be undefined. Everything that can change
 * in its element is in the result, so that equal results need no new element.
 */
export function shapeOf(message, before, after, isOnline) {
  const date = dateOf(message);
  const newDay = !before || dateOf(before).toDateString() !== date.toDateString();
  return {
    day: newDay ? dayText(date) : '',
    starts: newDay || !sameGroup(before, message),
    ends: !after || !sameGroup(message, after) || dateOf(after).toDateString() !== date.toDateString(),
    state: message.mine ? messageStateWords(message.state, isOnline) : '',
    failed: message.state === 'failed' ? errorText(message.error) : '',
    time: date.getTime(),
  };
}

/** `on` takes `person(name)`, `resend(id)` and `discard(id)`. */
export function messageElement(message, shape, on) {
  const date = new Date(shape.time);
  const { text, image } = contentOf(message.payload);
  const isSystem = message.type === 'system_message';
  const kind = isSystem ? 'system' : message.mine ? 'mine' : 'theirs';
  const classes = ['message', kind, shape.starts && 'starts', shape.ends && 'ends', message.state && `is-${message.state}`];
  const time = el('time', { datetime: date.toISOString(), title: fullTimeText(date) }, timeText(date));
  return el('div', { class: classes.filter(Boolean).join(' '), 'data-id': message.id },
    shape.day && el('div', { class: 'day' }, el('span', {}, shape.day)),
    shape.starts && !message.mine && !isSystem && author(message.fromUser, time, on),
    message.mine && el('span', { class: 'hidden' }, 'You: '),
    el('div', { class: 'bubble' },
      image && el('img', { class: 'picture', src: image, alt: text ? 'Picture' : `Picture from ${message.fromUser}` }),
      text && el('p', {}, ...withLinks(text))),
    message.mine && el('div', { class: 'meta' }, time, shape.state && el('span', { class: 'state' }, shape.state)),
    shape.failed && failure(message, shape, on));
}

function author(name, time, on) {
  return el('div', { class: 'author' },
    avatar(name),
    el('button', { class: `name ${hueOf(name)}`, type: 'button', title: `Write to ${name}`, onclick: () => on.person(name) }, name),
    time);
}

function failure(message, shape, on) {
  return el('div', { class: 'failure' },
    el('span', {}, shape.failed),
    el('button', { type: 'button', onclick: () => on.resend(message.id) }, 'Send again'),
    el('button', { type: 'button', onclick: () => on.discard(message.id) }, 'Remove'));
}

function withLinks(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(LINK)) {
    parts.push(text.slice(from, found.index));
    parts.push(el('a', { href: found[0], target: '_blank', rel: 'noopener noreferrer nofollow' }, found[0]));
    from = found.index + found[0].length;
  }
  parts.push(text.slice(from));
  return parts;
}

function sameGroup(a, b) {
  return a.fromUser === b.fromUser && a.type === b.type && Math.abs(dateOf(b) - dateOf(a)) < GROUP_MS;
}

function dateOf(message) {
  return new Date(message.createTime ?? message.writtenAt);
}
