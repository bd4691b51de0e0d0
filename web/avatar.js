// A die for every user and room: its face and colour come from the name, so they are the same for everyone.

import { svg } from './dom.js';

const FACES = [
  [[2, 2]],
  [[1, 1], [3, 3]],
  [[1, 1], [2, 2], [3, 3]],
  [[1, 1], [1, 3], [3, 1], [3, 3]],
  [[1, 1], [1, 3], [2, 2], [3, 1], [3, 3]],
  [[1, 1], [1, 2], [1, 3], [3, 1], [3, 2], [3, 3]],
];
const HUES = 10;

/** The class with the colour of a name; the colours themselves are the style sheet's. */
export function hueOf(name) {
  return `hue-${hash(name) % HUES}`;
}

export function avatar(name) {
  const number = hash(name);
  const face = FACES[Math.floor(number / HUES) % FACES.length];
  // A little tilt, as dice fall; from the name too.
  const tilt = (Math.floor(number / 97) % 5) * 5 - 10;
  return svg('svg', { class: `avatar ${hueOf(name)}`, viewBox: '0 0 40 40', 'aria-hidden': 'true' },
    svg('g', { transform: `rotate(${tilt} 20 20)` },
      svg('rect', { x: 4, y: 4, width: 32, height: 32, rx: 9 }),
      ...face.map(([row, column]) => svg('circle', { cx: column * 8 + 4, cy: row * 8 + 4, r: 3.1 }))));
}

// FNV-1a, 32 bits: short, and spreads names that differ in one letter.
function hash(text) {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}
