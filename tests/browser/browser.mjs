// Chromium and the page in it, as a user finds them: by role and label.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

export const WAIT_MS = 30_000;
const ARGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];
export const DESKTOP = { viewport: { width: 1280, height: 800 }, locale: 'en-GB' };
export const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true, locale: 'en-GB' };

export async function openBrowser() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  assert.ok(existsSync(executablePath), `no Chromium at ${executablePath}: install it, or set CHROMIUM`);
  return chromium.launch({ executablePath, args: ARGS });
}

/** A page of its own user, with a browser profile of its own. Faults of the page are gathered in `faults`. */
export async function openPage(browser, url, options = DESKTOP) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(error.stack));
  page.on('console', (message) => {
    // A hub that is down on purpose shows as a failed connection.
    if (message.type() === 'error' && !/WebSocket connection/.test(message.text())) page.faults.push(message.text());
  });
  await page.goto(url);
  return page;
}

export const online = (page) => page.locator('#status .status-text', { hasText: 'Online' }).waitFor({ state: 'attached' });
export const column = (page, name) => page.getByRole('region', { name, exact: true });
export const roomColumn = (page, room) => column(page, `Room ${room}`);
export const directColumn = (page, user) => column(page, `Conversation with ${user}`);
export const bubble = (where, text) => where.locator('.bubble').getByText(text, { exact: true });
export const box = (where) => where.getByRole('textbox');

export async function write(where, text) {
  await box(where).fill(text);
  await box(where).press('Enter');
}

/** Lets a user of this hub, who has no page, write many messages: `count` of them, named `prefix N`. */
export async function writeMany(page, { user, room, prefix, count }) {
  await page.evaluate(async ({ user, room, prefix, count }) => {
    const { HubClient, keyOf } = await import('/assets/client.js');
    const url = location.origin.replace('http', 'ws') + '/ws';
    const limits = { outboxMax: count, framesPerSec: 1e6, framesBurst: 1e6, inFlightMax: 50 };
    const client = new HubClient({ url, userId: user, rooms: [room], limits });
    for (let n = 1; n <= count; n += 1) client.send(keyOf('room', room), `${prefix} ${n}`);
    await new Promise((resolve) => {
      client.on('timeline', () => { if (client.unsent === 0) resolve(); });
      client.connect();
    });
    client.close();
  }, { user, room, prefix, count });
}
