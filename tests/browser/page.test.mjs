// The page in a real browser, against a real hub.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { PHONE, WAIT_MS, box, bubble, directColumn, online, openBrowser, openPage, roomColumn, write, writeMany } from './browser.mjs';
import { openHub } from './hub.mjs';

let hub;
let browser;
const pages = [];

before(async () => {
  hub = await openHub();
  browser = await openBrowser();
});

afterEach(async () => {
  const faults = pages.flatMap((page) => page.faults);
  hub.check();
  await Promise.all(pages.splice(0).map((page) => page.context().close()));
  assert.deepEqual(faults, [], 'the page has no errors of its own');
});

after(async () => {
  await browser?.close();
  await hub?.close();
});

async function open(query, options) {
  const page = await openPage(browser, `${hub.url}/${query}`, options);
  pages.push(page);
  return page;
}

async function enter(user, room, options) {
  const page = await open(`?user=${user}&room=${room}`, options);
  await online(page);
  await roomColumn(page, room).locator('.log-top', { hasText: /\S/ }).waitFor();
  return page;
}

test('two people sign in by name and chat in a room', async () => {
  const ana = await open('');
  await ana.getByLabel('Your name').fill('ana');
  await ana.getByLabel('Room', { exact: true }).fill('chat');
  await ana.getByRole('button', { name: 'Enter' }).click();
  await online(ana);
  const bob = await enter('bob', 'chat');

  await write(roomColumn(ana, 'chat'), 'hello bob');
  await bubble(roomColumn(bob, 'chat'), 'hello bob').waitFor();
  await write(roomColumn(bob, 'chat'), 'hello ana');
  await bubble(roomColumn(ana, 'chat'), 'hello ana').waitFor();
  await roomColumn(ana, 'chat').locator('.mine .state', { hasText: 'in memory' }).waitFor();

  await ana.reload();
  await bubble(roomColumn(ana, 'chat'), 'hello ana').waitFor();
  assert.equal(await bubble(roomColumn(ana, 'chat'), 'hello bob').count(), 1);
});

test('a click on a name writes to the person, who finds an unread hint', async () => {
  const cleo = await enter('cleo', 'meet');
  const dan = await enter('dan', 'meet');
  await write(roomColumn(dan, 'meet'), 'anybody here?');
  await roomColumn(cleo, 'meet').getByRole('button', { name: 'dan', exact: true }).click();
  await write(directColumn(cleo, 'dan'), 'just me');

  // Two columns fit: the new conversation is shown beside the room, and read.
  await bubble(directColumn(dan, 'cleo'), 'just me').waitFor();
  await write(directColumn(dan, 'cleo'), 'good');
  await bubble(directColumn(cleo, 'dan'), 'good').waitFor();

  // With one column on a phone it is not, so it is hinted at.
  const eli = await enter('eli', 'meet', PHONE);
  await cleo.getByLabel('Write to a person').fill('eli');
  await cleo.getByLabel('Write to a person').press('Enter');
  await write(directColumn(cleo, 'eli'), 'psst');
  const tab = eli.getByRole('navigation', { name: 'Open conversations' }).getByRole('button', { name: 'cleo, 1 unread' });
  await tab.waitFor();
  await eli.waitForFunction(() => document.title === '(1) Aleatoria');
  await tab.tap();
  await bubble(directColumn(eli, 'cleo'), 'psst').waitFor();
  await eli.waitForFunction(() => document.title === 'Aleatoria');
});

test('rooms are joined side by side, and left', async () => {
  const page = await enter('fay', 'one');
  await page.getByLabel('Join a room').fill('two');
  await page.getByLabel('Join a room').press('Enter');
  await roomColumn(page, 'two').waitFor();
  assert.equal(await roomColumn(page, 'one').isVisible(), true, 'the other one stays beside it');
  const gus = await enter('gus', 'two');
  await write(roomColumn(gus, 'two'), 'to two');
  await bubble(roomColumn(page, 'two'), 'to two').waitFor();

  await page.getByRole('button', { name: 'Leave two' }).click();
  await roomColumn(page, 'two').waitFor({ state: 'detached' });
  await page.reload();
  await online(page);
  await roomColumn(page, 'one').waitFor();
  assert.equal(await roomColumn(page, 'two').count(), 0);
});

test('history scrolls back page by page, keeps its place, and keeps the page small', async () => {
  const page = await enter('hal', 'long');
  await writeMany(page, { user: 'scribe', room: 'long', prefix: 'line', count: 620 });
  await page.reload();
  const room = roomColumn(page, 'long');
  await bubble(room, 'line 620').waitFor();
  const log = room.getByRole('log');
  const count = () => room.locator('.message').count();
  assert.ok(await count() < 100, 'at first only the newest are there');

  // What is in sight at the top stays in sight while older messages come in above it.
  const place = (text) => bubble(room, text).evaluate((node) => node.getBoundingClientRect().bottom);
  await log.evaluate((node) => { node.scrollTop = 30; });
  const first = await log.evaluate((node) => {
    const { top } = node.getBoundingClientRect();
    return [...node.querySelectorAll('.message')].find((row) => row.getBoundingClientRect().bottom > top).querySelector('p').textContent;
  });
  const before = await place(first);
  const number = Number(first.split(' ')[1]);
  await bubble(room, `line ${number - 40}`).waitFor({ state: 'attached' });
  assert.ok(Math.abs(await place(first) - before) < 3, `${first} moved from ${before} to ${await place(first)}`);

  while (await bubble(room, 'line 1').count() === 0) {
    const oldest = await room.locator('.message').first().getAttribute('data-id');
    await log.evaluate((node) => { node.scrollTop = 0; });
    await page.waitForFunction((id) => document.querySelector('.message').dataset.id !== id, oldest);
    assert.ok(await count() <= 500, `${await count()} messages are rendered`);
  }
  await room.getByText('This is the beginning.').waitFor();

  // A new message does not pull the reader away; the button goes there.
  await writeMany(page, { user: 'scribe', room: 'long', prefix: 'late', count: 1 });
  await room.getByRole('button', { name: '1 new' }).click();
  await bubble(room, 'late 1').waitFor();
  assert.equal(await log.evaluate((node) => Math.round(node.scrollHeight - node.scrollTop - node.clientHeight)), 0);
});

test('messages written while the hub is down arrive once when it is back', async () => {
  const ida = await enter('ida', 'storm');
  const jon = await enter('jon', 'storm');
  await write(roomColumn(ida, 'storm'), 'before');
  await bubble(roomColumn(jon, 'storm'), 'before').waitFor();

  await hub.kill?.();
  await ida.locator('#status', { hasText: /Reconnecting/ }).waitFor();
  await write(roomColumn(ida, 'storm'), 'during');
  await roomColumn(ida, 'storm').locator('.is-queued', { hasText: 'waiting for the connection' }).waitFor();
  await ida.locator('#status', { hasText: '1 message waits to be sent' }).waitFor();

  await hub.restart();
  await Promise.all([online(ida), online(jon)]);
  await bubble(roomColumn(jon, 'storm'), 'during').waitFor();
  await roomColumn(ida, 'storm').locator('.mine', { hasText: 'during' }).locator('.state', { hasText: 'in memory' }).waitFor();
  await write(roomColumn(ida, 'storm'), 'after');
  await bubble(roomColumn(jon, 'storm'), 'after').waitFor();
  for (const page of [ida, jon]) {
    const texts = await roomColumn(page, 'storm').locator('.bubble').allTextContents();
    assert.deepEqual(texts, ['before', 'during', 'after']);
  }
  await jon.reload();
  await bubble(roomColumn(jon, 'storm'), 'after').waitFor();
  assert.equal(await bubble(roomColumn(jon, 'storm'), 'during').count(), 1);
});

test('everything can be done with the keyboard, and the focus can be seen', async () => {
  const page = await open('');
  const { keyboard } = page;
  const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.id);
  await keyboard.type('kim');
  await keyboard.press('Tab');
  await keyboard.type('keys');
  await keyboard.press('Enter');
  await online(page);
  const room = roomColumn(page, 'keys');
  await page.waitForFunction(() => document.activeElement.tagName === 'TEXTAREA');

  await keyboard.type('first line');
  await keyboard.press('Shift+Enter');
  await keyboard.type('second line');
  await keyboard.press('Enter');
  assert.equal(await room.locator('.bubble p').first().evaluate((node) => node.textContent), 'first line\nsecond line');
  assert.equal(await box(room).inputValue(), '');

  await keyboard.press('Escape');
  assert.equal(await focused(), 'Messages in keys');
  await keyboard.press('Escape');
  assert.equal(await focused(), 'Message to keys');

  await keyboard.press('Alt+j');
  assert.equal(await focused(), 'join-room');
  await keyboard.type('more keys');
  await keyboard.press('Enter');
  await roomColumn(page, 'more keys').waitFor();
  assert.equal(await focused(), 'Message to more keys');
  await keyboard.press('Alt+ArrowUp');
  assert.equal(await focused(), 'Message to keys');
  await keyboard.press('Alt+ArrowDown');
  assert.equal(await focused(), 'Message to more keys');
  await keyboard.press('Alt+p');
  await keyboard.type('lou');
  await keyboard.press('Enter');
  await directColumn(page, 'lou').waitFor();

  await keyboard.press('Alt+/');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  await keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });

  // The whole way round: each stop shows where it is, and the skip link comes first.
  await page.evaluate(() => document.activeElement.blur());
  await page.locator('body').evaluate((body) => { body.tabIndex = -1; body.focus(); body.removeAttribute('tabindex'); });
  const stops = [];
  for (let stop = 0; stop < 25; stop += 1) {
    await keyboard.press('Tab');
    const found = await page.evaluate(() => {
      const node = document.activeElement;
      if (node === document.body) return null;
      const marked = node.matches('textarea') ? node.parentElement : node;
      const style = getComputedStyle(marked);
      return { name: node.getAttribute('aria-label') ?? node.textContent.trim(), seen: style.outlineStyle !== 'none' || style.boxShadow !== 'none' };
    });
    if (!found) break;
    assert.ok(found.seen, `the focus on "${found.name}" cannot be seen`);
    stops.push(found.name);
  }
  assert.equal(stops[0], 'Skip to the conversation');
  for (const name of ['Help and keyboard shortcuts', 'Sign out', 'Leave keys', 'Messages in keys', 'Message to keys', 'Send']) {
    assert.ok(stops.includes(name) || stops.includes(name.replace('keys', 'more keys')), `${name} is not among ${stops.join(' | ')}`);
  }
});

test('on a phone one conversation is shown at a time, and nothing is too wide or too small', async () => {
  const page = await enter('mo', 'pocket', PHONE);
  const max = await enter('max', 'pocket');
  await write(roomColumn(max, 'pocket'), `a-very-long-word-${'x'.repeat(300)}`);
  await write(roomColumn(max, 'pocket'), 'last');
  await bubble(roomColumn(page, 'pocket'), 'last').waitFor();
  await box(roomColumn(page, 'pocket')).fill('from my pocket');
  await roomColumn(page, 'pocket').getByRole('button', { name: 'Send' }).tap();
  await bubble(roomColumn(max, 'pocket'), 'from my pocket').waitFor();

  await page.getByRole('button', { name: 'Rooms and people' }).tap();
  await page.getByLabel('Join a room').fill('bag');
  await page.getByRole('button', { name: 'Join', exact: true }).tap();
  await roomColumn(page, 'bag').waitFor();
  assert.equal(await page.locator('.column').count(), 1);
  await page.getByRole('navigation', { name: 'Open conversations' }).getByRole('button', { name: 'pocket' }).tap();
  await roomColumn(page, 'pocket').waitFor();

  const measured = await page.evaluate(() => ({
    width: document.documentElement.scrollWidth,
    columnWidth: Math.max(...[...document.querySelectorAll('.column, .log')].map((node) => node.scrollWidth)),
    fonts: [...document.querySelectorAll('input, textarea')].map((node) => parseFloat(getComputedStyle(node).fontSize)),
    small: [...document.querySelectorAll('button')]
      .map((node) => ({ name: node.getAttribute('aria-label') ?? node.textContent, box: node.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 0 && box.right > 0 && box.height < 44)
      .map(({ name, box }) => `${name} ${box.height}`),
  }));
  assert.ok(measured.width <= 360 && measured.columnWidth <= 360, JSON.stringify(measured));
  assert.ok(Math.min(...measured.fonts) >= 16, 'a phone would zoom into a field below 16 px');
  assert.deepEqual(measured.small, []);
});

test('data is never markup: text stays text, and only pictures of safe kinds are shown', async () => {
  const nia = await enter('nia', 'safe');
  const evil = '<img src=x onerror="document.title=1"><b>bold</b>';
  await write(roomColumn(nia, 'safe'), evil);
  await bubble(roomColumn(nia, 'safe'), evil).waitFor();
  await nia.evaluate(async () => {
    const { HubClient } = await import('/assets/client.js');
    const client = new HubClient({ url: location.origin.replace('http', 'ws') + '/ws', userId: 'painter', rooms: ['safe'] });
    const canvas = Object.assign(document.createElement('canvas'), { width: 8, height: 8 });
    client.send('room:safe', { content: 'look', image: canvas.toDataURL('image/png') });
    client.send('room:safe', { content: canvas.toDataURL('image/webp') });
    client.send('room:safe', { content: 'data:image/svg+xml;base64,PHN2Zy8+' });
    client.send('room:safe', { content: 'elsewhere', image: 'https://example.org/x.png' });
    await new Promise((resolve) => {
      client.on('timeline', () => { if (client.unsent === 0) resolve(); });
      client.connect();
    });
    client.close();
  });
  await bubble(roomColumn(nia, 'safe'), 'elsewhere').waitFor();
  const pictures = roomColumn(nia, 'safe').locator('.picture');
  assert.equal(await pictures.count(), 2);
  await nia.waitForFunction(() => [...document.querySelectorAll('.picture')].every((image) => image.naturalWidth === 8));
  await bubble(roomColumn(nia, 'safe'), 'A picture that cannot be shown').waitFor();
});

test('mistakes are answered in plain words', async () => {
  const page = await open(`?user=${encodeURIComponent('x'.repeat(129))}`);
  await page.getByRole('alert').filter({ hasText: 'longer than 128 bytes' }).waitFor();

  const oli = await enter('oli', 'words');
  await box(roomColumn(oli, 'words')).fill('x'.repeat(1_100_000));
  await box(roomColumn(oli, 'words')).press('Enter');
  await roomColumn(oli, 'words').getByRole('alert').filter({ hasText: 'too large' }).waitFor();
  assert.equal((await box(roomColumn(oli, 'words')).inputValue()).length, 1_100_000, 'what was written is not lost');
  await oli.getByLabel('Join a room').fill('y'.repeat(129));
  await oli.getByLabel('Join a room').press('Enter');
  await oli.locator('#notices').filter({ hasText: 'longer than 128 bytes' }).waitFor();
});

test('signing out forgets the tab but not the name', async () => {
  const page = await enter('pia', 'bye');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Enter' }).waitFor({ timeout: WAIT_MS });
  assert.equal(await page.getByLabel('Your name').inputValue(), 'pia');
  assert.equal(new URL(page.url()).search, '');
});
