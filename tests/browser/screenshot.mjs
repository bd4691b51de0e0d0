// Takes the picture of the page for the README: two rooms side by side, 1280 × 800.
// node screenshot.mjs PATH [dark]

import assert from 'node:assert/strict';

import { DESKTOP, online, openBrowser, openPage, roomColumn, directColumn, bubble, write } from './browser.mjs';
import { openHub } from './hub.mjs';

const [path, scheme = 'light'] = process.argv.slice(2);
assert.ok(path, 'usage: node screenshot.mjs PATH [dark]');

const TALK = [
  ['mira', 'Lobby', 'Two tunnels so far, and nothing was missing after either.'],
  ['jonas', 'Lobby', 'I killed the hub twice this morning.'],
  ['jonas', 'Lobby', 'Every message is still there, in order, once.'],
  ['ana', 'Lobby', 'That is the outbox. A message keeps its id until the hub has said that it has it.'],
  ['mira', 'Workshop', 'The dark theme is ready. Could someone look at it on a small phone?'],
  ['ana', 'Workshop', 'On it: 360 px wide.\nNothing is cut off, and the buttons are easy to hit.'],
  ['mira', 'Lobby', 'And when the storage goes away?'],
  ['ana', 'Lobby', 'People go on talking. What was said is written down when it is back.'],
  ['jonas', 'Workshop', 'The keyboard works too: Alt and the arrows go from room to room, and Alt + / shows the rest.'],
  ['mira', 'Workshop', 'Then let us keep it like this.'],
  ['ana', 'Workshop', 'Agreed.'],
  ['jonas', 'Lobby', 'Good. Then I can stop killing it.'],
];

const hub = await openHub();
const browser = await openBrowser();
try {
  const pages = {};
  for (const user of ['ana', 'mira', 'jonas']) {
    pages[user] = await openPage(browser, `${hub.url}/?user=${user}&room=Lobby&room=Workshop`, { ...DESKTOP, deviceScaleFactor: 2, colorScheme: scheme });
    await online(pages[user]);
  }
  const { ana, mira, jonas } = pages;
  for (const [user, room, text] of TALK) {
    await write(roomColumn(pages[user], room), text);
    await bubble(roomColumn(ana, room), text).waitFor();
  }
  for (const [page, user] of [[mira, 'mira'], [jonas, 'jonas']]) {
    await page.getByLabel('Write to a person').fill('ana');
    await page.getByLabel('Write to a person').press('Enter');
    await write(directColumn(page, 'ana'), `A word from ${user}`);
  }
  await ana.getByRole('button', { name: 'jonas, 1 unread' }).first().waitFor();
  await ana.getByRole('button', { name: 'mira, 1 unread' }).first().waitFor();
  await ana.evaluate(() => document.fonts.ready);
  await ana.screenshot({ path });
} finally {
  await browser.close();
  await hub.close();
}
