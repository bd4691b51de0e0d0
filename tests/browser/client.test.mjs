// The client library against a fake socket and a fake clock: no network, no sleeping.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { backoffMs, verdictOf } from '../../web/closing.js';
import { HubClient } from '../../web/client.js';
import { LIMITS } from '../../web/limits.js';
import { nameProblem, newUuid } from '../../web/names.js';
import { Timeline } from '../../web/timeline.js';
import { World, chat, settled, stamp } from './fakes.mjs';

const DEN = 'room:den';
const inDen = (options = {}) => new World({ rooms: ['den'], ...options });
const last = (list) => list.at(-1);

// ---- connecting

test('a client asks for v2, its user, its first room and its token', () => {
  const world = new World({ rooms: ['den', 'attic'], token: () => 't&1' });
  world.client.connect();
  assert.deepEqual(Object.fromEntries(world.socket.url.searchParams), { userId: 'ana', room: 'den', v: '2', token: 't&1' });
});

test('a client without rooms leaves the room that the hub puts it into', async () => {
  const world = new World();
  await world.online({ welcome: { rooms: ['Lobby'] } });
  assert.deepEqual(world.socket.of('leave_room').map((frame) => frame.room), ['Lobby']);
});

test('welcome brings the client online and tells the state of the service', async () => {
  const world = new World();
  await world.online({ welcome: { serviceState: { store: 'degraded', cluster: 'ok' } } });
  assert.equal(world.client.state.phase, 'online');
  assert.equal(world.client.service.store, 'degraded');
  world.socket.say({ type: 'service_state', payload: { store: 'ok', cluster: 'ok' } });
  assert.equal(world.client.service.store, 'ok');
});

test('a socket without a welcome is given up after the time limit', async () => {
  const world = new World();
  world.client.connect();
  await world.timers.advance(LIMITS.welcomeTimeoutMs - 1);
  assert.equal(world.client.state.phase, 'connecting');
  await world.timers.advance(1);
  assert.equal(world.client.state.phase, 'waiting');
});

test('frames that are not JSON objects with a type are ignored', async () => {
  const world = inDen();
  await world.online();
  for (const text of ['{', 'null', '7', '[]', '{"type":7}', '{"type":"chat_message"}', '{"type":"ack"}', '{"type":"error"}']) world.socket.say(text);
  assert.equal(world.client.state.phase, 'online');
  assert.deepEqual(world.texts(DEN), []);
});

test('a frame type of a later version is handed on', async () => {
  const world = inDen();
  await world.online();
  world.socket.say({ type: 'typing', room: 'den', payload: { userId: 'bob', isTyping: true } });
  assert.equal(last(world.events).detail.type, 'typing');
});

test('a bad user name is refused before any connection', () => {
  assert.throws(() => new World({ userId: ' ana' }), { code: 'invalid_field' });
  assert.equal(nameProblem('a'.repeat(128)), null);
  assert.match(nameProblem('é'.repeat(64) + 'a'), /128/);
  assert.match(nameProblem('a\u0007'), /control/);
  assert.match(nameProblem(''), /empty/);
});

test('ids are UUIDs also where the page has no secure context', () => {
  const insecure = { getRandomValues: (bytes) => bytes.fill(255) };
  assert.equal(newUuid(insecure), 'ffffffff-ffff-4fff-bfff-ffffffffffff');
  assert.match(newUuid(), /^[0-9a-f-]{36}$/);
});

// ---- backoff and close codes

test('the backoff doubles up to its cap and is jittered over its whole range', () => {
  const ceilings = [0, 1, 2, 3, 20, 5000].map((attempt) => backoffMs(attempt, () => 0.999999, LIMITS));
  assert.deepEqual(ceilings, [499, 999, 1999, 3999, 29999, 29999]);
  assert.equal(backoffMs(9, () => 0, LIMITS), 0);
});

test('each failed attempt waits longer, and a stable connection starts anew', async () => {
  const world = new World();
  const waits = [];
  world.client.connect();
  for (let attempt = 0; attempt < 4; attempt += 1) {
    world.socket.end(1006);
    const wait = world.client.state.retryAt - world.timers.now();
    waits.push(wait);
    const before = world.dials;
    await world.timers.advance(wait - 1);
    assert.equal(world.dials, before);
    await world.timers.advance(1);
    assert.equal(world.dials, before + 1);
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000]);

  await world.welcome();
  world.socket.end(1006);
  assert.equal(world.client.state.retryAt - world.timers.now(), 4000, 'an accept that ends at once is another failure');
  await world.timers.advance(4000);
  await world.welcome();
  await world.timers.advance(LIMITS.stableMs);
  world.socket.end(1006);
  assert.equal(world.client.state.retryAt - world.timers.now(), 250);
});

const CLOSES = [
  [1000, '', 'backoff', 'lost'],
  [1001, '', 'backoff', 'restarting'],
  [1001, '{"reconnectAfterMs":700}', 'after', 'restarting', 700],
  [1001, 'shutting down; reconnectAfterMs=42', 'after', 'restarting', 42],
  [1001, 'reconnectAfterMs: 999999999', 'after', 'restarting', LIMITS.serverWaitMaxMs],
  [1002, '', 'stop', 'protocol'],
  [1006, '', 'backoff', 'lost'],
  [1007, '', 'stop', 'protocol'],
  [1009, '', 'backoff', 'too_big'],
  [1011, '', 'backoff', 'lost'],
  [4001, '', 'backoff', 'slow'],
  [4003, '', 'backoff', 'lost'],
  [4005, '', 'stop', 'elsewhere'],
  [4099, '', 'backoff', 'lost'],
  [4100, '', 'stop', 'refused'],
  [4101, '', 'stop', 'unauthorized'],
  [4103, '', 'stop', 'refused'],
  [4108, '', 'after', 'busy', LIMITS.busyWaitMs],
  [4108, '{"retryAfterMs": 3000}', 'after', 'busy', 3000],
  [4199, '', 'stop', 'refused'],
  [4200, '', 'backoff', 'lost'],
];

for (const [code, reason, action, why, afterMs] of CLOSES) {
  test(`close ${code} ${JSON.stringify(reason)} means ${action}`, async () => {
    const verdict = verdictOf(code, reason, LIMITS);
    assert.deepEqual([verdict.action, verdict.why, verdict.afterMs], [action, why, afterMs]);

    const world = inDen();
    await world.online();
    world.socket.end(code, reason);
    assert.equal(world.client.state.phase, action === 'stop' ? 'stopped' : 'waiting');
    await world.timers.advance(LIMITS.serverWaitMaxMs + LIMITS.backoffCapMs);
    assert.equal(world.dials > 1, action !== 'stop');
  });
}

test('a stopped client connects again when it is told to', async () => {
  const world = inDen();
  await world.online();
  world.socket.end(4101, 'token expired');
  world.client.connect();
  await world.welcome();
  assert.equal(world.client.state.phase, 'online');
});

test('closing leaves no timer and no connection behind', async () => {
  const world = inDen();
  await world.online();
  world.client.send(DEN, 'unacknowledged');
  world.client.close();
  assert.equal(world.client.state.phase, 'idle');
  assert.equal(world.socket.closedWith, 1000);
  assert.equal(world.timers.count, 0);
  await world.timers.advance(600_000);
  assert.equal(world.dials, 1);
});

test('an address that cannot be dialled stops the client with a reason', () => {
  class Refusing { constructor() { throw new Error('insecure'); } }
  const world = new World({ WebSocket: Refusing });
  world.client.connect();
  assert.deepEqual([world.client.state.phase, world.client.state.why], ['stopped', 'address']);
});

// ---- life

test('silence is answered with a ping, and no pong with a new connection', async () => {
  const world = inDen();
  await world.online();
  await world.timers.advance(25_000);
  assert.equal(world.socket.of('ping').length, 1);
  world.socket.say({ type: 'pong', ref: 'ping' });
  await world.timers.advance(25_000 + LIMITS.pongTimeoutMs - 1);
  assert.equal(world.dials, 1, 'alive after a pong');
  await world.timers.advance(1);
  assert.equal(world.client.state.phase, 'waiting');
});

test('a big message on a slow line is not taken for death', async () => {
  const world = inDen();
  await world.online();
  world.socket.bufferedAmount = 900_000;
  for (let i = 0; i < 6; i += 1) {
    await world.timers.advance(10_000);
    world.socket.bufferedAmount -= 100_000;
  }
  assert.equal(world.dials, 1);
  await world.timers.advance(2 * LIMITS.pongTimeoutMs);
  assert.ok(world.dials > 1, 'bytes that do not move are no life');
});

test('a probe reconnects at once while waiting, and asks for life while online', async () => {
  const world = inDen();
  await world.online();
  world.client.probe();
  assert.equal(world.socket.of('ping').length, 1);
  await world.timers.advance(LIMITS.pongTimeoutMs);
  assert.equal(world.client.state.phase, 'waiting');
  world.client.probe();
  assert.equal(world.client.state.phase, 'connecting');
});

// ---- requests

test('replies and errors find their request by ref, in any order', async () => {
  const world = new World({ rooms: ['den'] });
  await world.online();
  const rooms = world.client.request('get_rooms');
  const bad = world.client.request('get_recent_messages', { room: 'x', payload: { limit: 0 } });
  const [asked, wrong] = world.socket.sent.slice(-2);
  assert.notEqual(asked.ref, wrong.ref);
  world.socket.say({ type: 'error', ref: wrong.ref, payload: { error: 'no', code: 'invalid_field', retryable: false, field: 'limit' } });
  world.socket.say({ type: 'rooms_list', ref: asked.ref, payload: { rooms: ['den'] } });
  assert.deepEqual((await rooms).payload.rooms, ['den']);
  await assert.rejects(bad, { code: 'invalid_field', field: 'limit', retryable: false });
});

test('a request without a reply fails after the time limit, or when the connection ends', async () => {
  const world = inDen();
  await world.online();
  const slow = assert.rejects(world.client.request('get_rooms'), { code: 'timeout', retryable: true });
  await world.timers.advance(LIMITS.requestTimeoutMs);
  await slow;
  const cut = assert.rejects(world.client.request('get_rooms'), { code: 'disconnected' });
  world.socket.end(1006);
  await cut;
  await assert.rejects(world.client.request('get_rooms'), { code: 'disconnected' });
});

test('requests are bounded: one more than the limit is refused', async () => {
  const world = inDen({ limits: { requestsMax: 2 } });
  await world.online();
  const open = [world.client.request('get_rooms'), world.client.request('get_rooms')];
  await assert.rejects(world.client.request('get_rooms'), { code: 'too_many_requests' });
  world.client.close();
  await Promise.allSettled(open);
});

test('an error that belongs to nothing is told as a problem', async () => {
  const world = inDen();
  await world.online();
  world.socket.say({ type: 'error_response', messageId: 'err-1', payload: { error: 'bad', details: '', code: 'invalid_frame' } });
  assert.deepEqual(world.problems(), ['invalid_frame']);
});

// ---- sending

test('a message is shown at once and goes queued, sending, stored', async () => {
  const world = inDen();
  world.client.send(DEN, 'early');
  assert.deepEqual(world.states(DEN), ['queued']);
  await world.online({ restore: false });
  assert.deepEqual(world.socket.of('chat_message'), [], 'not before the room is joined');
  await world.restore();
  assert.deepEqual(world.socket.of('chat_message'), [{ type: 'chat_message', room: 'den', payload: { content: 'early' }, messageId: 'm1', ref: 'm1' }]);
  assert.deepEqual(world.states(DEN), ['sending']);
  world.ack('m1', 'redis');
  assert.deepEqual(world.states(DEN), ['redis']);
  assert.equal(world.client.unsent, 0);
});

test('a direct message goes to its user, and its echo does not double it', async () => {
  const world = new World({ people: ['bob'] });
  await world.online();
  world.client.send('direct:bob', { content: '', image: 'data:image/png;base64,AA==' });
  const [sent] = world.socket.of('chat_message');
  assert.equal(sent.toUser, 'bob');
  assert.equal(sent.payload.image, 'data:image/png;base64,AA==');
  world.socket.say({ type: 'chat_message', fromUser: 'ana', toUser: 'bob', incoming: false, messageId: 'm1', createTime: stamp(1), payload: sent.payload });
  world.ack('m1');
  assert.deepEqual(world.states('direct:bob'), ['redis']);
});

test('a direct message from a stranger opens a conversation and reads its past', async () => {
  const world = inDen();
  await world.online();
  world.socket.say({ type: 'chat_message', fromUser: 'eve', toUser: 'ana', incoming: true, messageId: 'e2', createTime: stamp(2), payload: { content: 'now' } });
  await world.restore(() => ({ messages: [{ type: 'chat_message', fromUser: 'eve', toUser: 'ana', messageId: 'e1', createTime: stamp(1), payload: { content: 'then' } }], hasMore: false }));
  assert.deepEqual(world.texts('direct:eve'), ['then', 'now']);
});

test('an unacknowledged message goes again under the same id after a reconnect, in order', async () => {
  const world = inDen();
  await world.online();
  world.client.send(DEN, 'one');
  world.client.send(DEN, 'two');
  world.ack('m1');
  world.socket.end(1006);
  assert.deepEqual(world.states(DEN), ['redis', 'queued']);
  world.client.send(DEN, 'three');
  await world.timers.advance(1000);
  await world.welcome();
  await world.restore();
  assert.deepEqual(world.socket.of('chat_message').map((frame) => [frame.messageId, frame.payload.content]), [['m2', 'two'], ['m3', 'three']]);
  world.ack('m2', 'redis', stamp(2));
  world.ack('m3', 'redis', stamp(3));
  assert.deepEqual(world.texts(DEN), ['one', 'two', 'three']);
});

test('a message without an ack goes again under the same id, and is given up in the end', async () => {
  const world = inDen({ limits: { attemptsMax: 3 } });
  await world.online();
  world.client.send(DEN, 'hello');
  for (let turn = 0; turn < 3; turn += 1) {
    await world.timers.advance(LIMITS.ackTimeoutMs);
    world.socket.say({ type: 'pong' });
  }
  assert.deepEqual(world.socket.of('chat_message').map((frame) => frame.messageId), ['m1', 'm1', 'm1']);
  assert.deepEqual(world.states(DEN), ['failed']);
  world.client.resend(DEN, 'm1');
  assert.equal(last(world.socket.of('chat_message')).messageId, 'm1');
  world.ack('m1');
  assert.deepEqual(world.states(DEN), ['redis']);
});

test('a journalled message turns stored with its second ack', async () => {
  const world = inDen();
  await world.online();
  world.client.send(DEN, 'x');
  world.ack('m1', 'journal');
  assert.deepEqual(world.states(DEN), ['journal']);
  world.ack('m1', 'redis');
  assert.deepEqual(world.states(DEN), ['redis']);
});

test('a refused message says why and can be taken away; a retryable refusal is tried again', async () => {
  const world = inDen();
  await world.online();
  world.client.send(DEN, 'no');
  world.socket.say({ type: 'error', messageId: 'm1', ref: 'm1', payload: { error: 'no', code: 'forbidden', retryable: false } });
  assert.equal(world.client.conversation(DEN).timeline.get('m1').error.code, 'forbidden');
  world.client.discard(DEN, 'm1');
  assert.deepEqual(world.texts(DEN), []);

  world.client.send(DEN, 'later');
  world.client.send(DEN, 'after it');
  world.ack('m3');
  world.socket.say({ type: 'error', messageId: 'm2', ref: 'm2', payload: { error: 'wait', code: 'store_unavailable', retryable: true, retryAfterMs: 500 } });
  world.client.send(DEN, 'must not overtake');
  assert.equal(world.socket.of('chat_message').length, 3);
  await world.timers.advance(500);
  assert.deepEqual(world.socket.of('chat_message').slice(3).map((frame) => frame.messageId), ['m2', 'm4']);
});

test('a message refused with not_in_room joins the room again before it is sent again', async () => {
  const world = inDen();
  await world.online();
  world.client.send(DEN, 'x');
  world.socket.say({ type: 'error', messageId: 'm1', ref: 'm1', payload: { error: 'no', code: 'not_in_room', retryable: false } });
  assert.deepEqual(world.states(DEN), ['failed']);
  world.client.resend(DEN, 'm1');
  assert.equal(world.socket.of('chat_message').length, 1);
  await world.restore();
  assert.equal(world.socket.of('join_room').length, 2);
  assert.equal(world.socket.of('chat_message').length, 2);
});

test('a lost connection is no failed attempt of the message', async () => {
  const world = inDen({ limits: { attemptsMax: 2 } });
  await world.online();
  world.client.send(DEN, 'x');
  world.socket.end(1006);
  await world.timers.advance(1000);
  await world.welcome();
  await world.restore();
  world.socket.say({ type: 'error', messageId: 'm1', ref: 'm1', payload: { error: 'wait', code: 'store_unavailable', retryable: true } });
  assert.deepEqual(world.states(DEN), ['queued']);
});

test('while the socket still holds bytes, a late ack is no reason to say it again', async () => {
  const world = inDen();
  await world.online();
  world.client.send(DEN, 'x');
  world.socket.bufferedAmount = 500;
  await world.timers.advance(LIMITS.ackTimeoutMs + 5_000);
  assert.equal(world.socket.of('chat_message').length, 1);
  world.socket.bufferedAmount = 0;
  await world.timers.advance(LIMITS.retryMs);
  assert.equal(world.socket.of('chat_message').length, 2);
});

test('after rate_limited nothing goes out for the time asked, then all in flight again, once', async () => {
  const world = inDen();
  await world.online();
  for (let n = 1; n <= 3; n += 1) world.client.send(DEN, `${n}`);
  world.ack('m1');
  world.socket.say({ type: 'error', payload: { error: 'slow', code: 'rate_limited', retryable: true, retryAfterMs: 800, dropped: 2 } });
  assert.deepEqual(world.problems(), ['rate_limited']);
  await world.timers.advance(10);
  world.socket.say({ type: 'error', payload: { error: 'slow', code: 'rate_limited', retryable: true, retryAfterMs: 790, dropped: 1 } });
  await world.timers.advance(789);
  assert.equal(world.socket.of('chat_message').length, 3);
  await world.timers.advance(200);
  assert.deepEqual(world.socket.of('chat_message').slice(3).map((frame) => frame.messageId), ['m2', 'm3']);
});

test('frames are paced below the hub\'s rate', async () => {
  const world = inDen({ limits: { framesBurst: 5, framesPerSec: 10 } });
  await world.online();
  const before = world.socket.sent.length;
  for (let n = 0; n < 20; n += 1) world.client.send(DEN, `${n}`);
  const atOnce = world.socket.sent.length - before;
  assert.ok(atOnce <= 5, `${atOnce} at once`);
  await world.timers.advance(1000);
  assert.ok(world.socket.sent.length - before <= 15);
  await world.timers.advance(2000);
  assert.equal(world.socket.of('chat_message').length, 20);
});

test('the hub\'s own rate is kept when it is lower', async () => {
  const world = inDen();
  await world.online({ welcome: { limits: { framesPerSecond: 5, framesBurst: 5 } } });
  for (let n = 0; n < 10; n += 1) world.client.send(DEN, `${n}`);
  assert.ok(world.socket.sent.length <= 4, `${world.socket.sent.length} at once`);
});

test('the outbox is bounded by count and by bytes, and the window by what is in flight', async () => {
  const world = inDen({ limits: { outboxMax: 3, inFlightMax: 2 } });
  await world.online();
  for (let n = 0; n < 3; n += 1) world.client.send(DEN, `${n}`);
  assert.throws(() => world.client.send(DEN, 'one too many'), { code: 'outbox_full', retryable: true });
  assert.equal(world.socket.of('chat_message').length, 2);
  world.ack('m1');
  assert.equal(world.socket.of('chat_message').length, 3);

  const wide = new World({ rooms: ['den', 'attic'], limits: { outboxMax: 3 } });
  for (const key of [DEN, 'room:attic', DEN]) wide.client.send(key, 'x');
  assert.throws(() => wide.client.send('room:attic', 'x'), { code: 'outbox_full' }, 'the bound holds over all conversations');

  const small = inDen({ limits: { outboxBytesMax: 300 } });
  small.client.send(DEN, 'x'.repeat(150));
  assert.throws(() => small.client.send(DEN, 'x'.repeat(150)), { code: 'outbox_full' });
});

test('a message above the frame limit is refused here, at n + 1 bytes', async () => {
  const world = inDen();
  const overhead = JSON.stringify({ type: 'chat_message', room: 'den', payload: { content: '' }, messageId: 'm1', ref: 'm1' }).length;
  await world.online({ welcome: { limits: { frameBytes: overhead + 10 } } });
  world.client.send(DEN, 'x'.repeat(10));
  assert.throws(() => world.client.send(DEN, 'é'.repeat(5) + 'x'), { code: 'too_large' });
});

test('after a close with 1009 the biggest message in flight is given up, the others go again', async () => {
  const world = inDen();
  await world.online();
  world.client.send(DEN, 'small');
  world.client.send(DEN, 'big'.repeat(100));
  world.socket.end(1009);
  assert.deepEqual(world.states(DEN), ['queued', 'failed']);
  await world.timers.advance(1000);
  await world.welcome();
  await world.restore();
  assert.deepEqual(world.socket.of('chat_message').map((frame) => frame.messageId), ['m1']);
});

// ---- rooms

test('rooms are joined again after a reconnect, left ones are not', async () => {
  const world = new World({ rooms: ['den', 'attic'] });
  await world.online();
  world.client.join('cellar');
  world.client.leave('room:den');
  await world.restore();
  assert.deepEqual(world.socket.of('leave_room').map((frame) => frame.room), ['den']);
  world.socket.end(1006);
  await world.timers.advance(1000);
  await world.welcome();
  await world.restore();
  assert.equal(world.socket.url.searchParams.get('room'), 'attic');
  assert.deepEqual(world.socket.of('join_room').map((frame) => frame.room), ['attic', 'cellar']);
});

test('a refused room says why, fails what waits for it, and can be asked for again', async () => {
  const world = inDen();
  world.client.send(DEN, 'waiting');
  await world.online({ restore: false });
  world.socket.say({ type: 'error', ref: world.socket.of('join_room')[0].ref, payload: { error: 'full', code: 'room_full', retryable: true } });
  await settled();
  const den = world.client.conversation(DEN);
  assert.deepEqual([den.joined, den.error.code, world.states(DEN)], ['refused', 'room_full', ['failed']]);
  world.client.send(DEN, 'too late');
  assert.deepEqual(world.states(DEN), ['failed', 'failed'], 'nothing waits for a shut door');
  world.client.join('den');
  await world.restore();
  assert.deepEqual([den.joined, den.error], ['yes', null]);
});

test('messages of a room that is not open are ignored', async () => {
  const world = inDen();
  await world.online();
  world.socket.say(chat(1, { room: 'elsewhere' }));
  assert.deepEqual(world.client.conversations.map((each) => each.key), [DEN]);
});

test('conversations are bounded: the quietest direct one makes room for a stranger', async () => {
  const world = inDen({ limits: { conversationsMax: 3 } });
  await world.online();
  const from = (user, n) => world.socket.say({ type: 'chat_message', fromUser: user, toUser: 'ana', incoming: true, messageId: `${user}${n}`, createTime: stamp(n), payload: { content: 'hi' } });
  from('u1', 5);
  from('u2', 4);
  from('u3', 6);
  assert.deepEqual(world.client.conversations.map((each) => each.name), ['den', 'u1', 'u3']);
});

// ---- history

test('messages stand in the hub\'s order, each once, own unconfirmed ones last', async () => {
  const world = inDen();
  await world.online();
  world.client.send(DEN, 'mine');
  for (const n of [3, 1, 2, 3]) world.socket.say(chat(n));
  assert.deepEqual(world.texts(DEN), ['text 1', 'text 2', 'text 3', 'mine']);
  world.ack('m1', 'redis', '2026-01-01T00:00:02.500000Z');
  assert.deepEqual(world.texts(DEN), ['text 1', 'text 2', 'mine', 'text 3']);
});

/** A hub whose room holds the messages `oldest..newest`, read page by page. */
const archive = (oldest, newest, extra = {}) => ({ payload: { limit, before } }) => {
  const all = [];
  for (let n = newest; n >= oldest; n -= 1) if (before === undefined || stamp(n) < before) all.push(chat(n));
  return { room: 'den', messages: all.slice(0, limit), hasMore: all.length > limit, ...extra };
};

test('what was missed is read back page by page until a known message is met', async () => {
  const world = inDen({ limits: { pageSize: 10 } });
  await world.online({ restore: false });
  await world.restore(archive(1, 5));
  world.socket.end(1006);
  await world.timers.advance(1000);
  await world.welcome();
  // One that comes live before the history is read must not pass for the known one.
  world.socket.say(chat(31));
  await world.restore(archive(1, 31));
  assert.deepEqual(world.texts(DEN), Array.from({ length: 31 }, (_, i) => `text ${i + 1}`));
  assert.deepEqual(world.socket.of('get_recent_messages').map((frame) => frame.payload), [
    { limit: 10 }, { limit: 10, before: stamp(22) }, { limit: 10, before: stamp(12) },
  ]);
  const missed = world.events.filter((event) => event.name === 'timeline' && event.detail.reason === 'missed');
  assert.equal(missed.length, 1);
});

test('a gap too long to fill leaves no hole: the part before it is dropped and can be read as older', async () => {
  const world = inDen({ limits: { pageSize: 10, fillPagesMax: 2 } });
  await world.online({ restore: false });
  await world.restore(archive(1, 5));
  world.socket.end(1006);
  await world.timers.advance(1000);
  await world.welcome();
  await world.restore(archive(1, 100));
  assert.equal(world.texts(DEN)[0], 'text 81');
  assert.equal(world.client.conversation(DEN).hasMore, true);
  const older = world.client.loadOlder(DEN);
  await world.restore(archive(1, 100));
  assert.equal(await older, 10);
  assert.equal(world.texts(DEN)[0], 'text 71');
});

test('scrolling back reads one page at a time to the beginning', async () => {
  const world = inDen({ limits: { pageSize: 4 } });
  await world.online({ restore: false });
  await world.restore(archive(1, 10));
  const counts = [];
  while (world.client.conversation(DEN).hasMore) {
    const older = world.client.loadOlder(DEN);
    assert.equal(await world.client.loadOlder(DEN), 0, 'one at a time');
    await world.restore(archive(1, 10));
    counts.push(await older);
  }
  assert.deepEqual(counts, [4, 2]);
  assert.equal(world.texts(DEN)[0], 'text 1');
});

test('direct messages are filled too', async () => {
  const world = new World({ people: ['bob'] });
  await world.online({ restore: false });
  const direct = (n) => chat(n, { room: undefined, toUser: 'ana' });
  await world.restore(() => ({ withUser: 'bob', messages: [direct(1), direct(2)], hasMore: false }));
  assert.deepEqual(world.socket.of('get_direct_messages')[0].payload, { withUser: 'bob', limit: LIMITS.pageSize });
  assert.deepEqual(world.texts('direct:bob'), ['text 1', 'text 2']);
});

test('history of a degraded hub is read again when its storage is back', async () => {
  const world = inDen();
  await world.online({ restore: false, welcome: { serviceState: { store: 'degraded' } } });
  await world.restore(archive(8, 9, { degraded: true }));
  world.socket.say(chat(10));
  assert.deepEqual(world.texts(DEN), ['text 8', 'text 9', 'text 10']);
  world.socket.say({ type: 'service_state', payload: { store: 'ok', cluster: 'ok' } });
  await world.restore(archive(1, 10));
  assert.equal(world.texts(DEN).length, 10);
  assert.equal(world.client.conversation(DEN).degraded, false);
});

test('what a degraded hub could not show is found once its storage is back', async () => {
  const world = inDen({ limits: { pageSize: 2 } });
  await world.online({ restore: false });
  await world.restore(archive(4, 5));
  world.socket.end(1006);
  await world.timers.advance(1000);
  await world.welcome({ serviceState: { store: 'degraded' } });
  await world.restore(archive(9, 10, { degraded: true }));
  world.socket.say(chat(11));
  assert.deepEqual(world.texts(DEN), ['text 4', 'text 5', 'text 9', 'text 10', 'text 11']);
  world.socket.say({ type: 'service_state', payload: { store: 'ok', cluster: 'ok' } });
  await world.restore(archive(1, 11));
  assert.deepEqual(world.texts(DEN), [4, 5, 6, 7, 8, 9, 10, 11].map((n) => `text ${n}`));
});

test('a history that cannot be read is asked for again, with growing waits', async () => {
  const world = inDen();
  await world.online({ restore: false });
  world.socket.say({ type: 'room_joined', ref: world.socket.of('join_room')[0].ref, payload: { room: 'den' } });
  await settled();
  const asks = () => world.socket.of('get_recent_messages');
  const refuse = async () => {
    world.socket.say({ type: 'error', ref: last(asks()).ref, payload: { error: 'down', code: 'store_unavailable', retryable: true } });
    await settled();
  };
  await refuse();
  await world.timers.advance(LIMITS.retryMs);
  assert.equal(asks().length, 2);
  await refuse();
  await world.timers.advance(LIMITS.retryMs);
  assert.equal(asks().length, 2);
  await world.timers.advance(LIMITS.retryMs);
  assert.equal(asks().length, 3);
  await world.restore(archive(1, 2));
});

test('after a close as a slow consumer smaller pages are asked for', async () => {
  const world = inDen();
  await world.online();
  world.socket.end(4001);
  await world.timers.advance(1000);
  await world.welcome();
  await world.restore();
  assert.equal(world.socket.of('get_recent_messages')[0].payload.limit, LIMITS.pageSize / 2);
});

test('few rooms are restored at a time', async () => {
  const world = new World({ rooms: Array.from({ length: 10 }, (_, i) => `r${i}`) });
  await world.online({ restore: false });
  assert.equal(world.socket.of('join_room').length, LIMITS.restoresMax);
  await world.restore();
  assert.equal(world.socket.of('join_room').length, 10);
});

test('a timeline is bounded by count and by bytes, and says that it was cut', () => {
  const message = (n, content = '') => ({ id: `${n}`, createTime: stamp(n), payload: { content } });
  const byCount = new Timeline({ timelineMax: 3, timelineBytesMax: 1e9 });
  byCount.merge([1, 2, 3].map((n) => message(n)));
  assert.deepEqual([byCount.trimmed, byCount.full], [false, true]);
  byCount.merge([message(4)]);
  assert.deepEqual([byCount.trimmed, byCount.items().map((each) => each.id)], [true, ['2', '3', '4']]);

  const byBytes = new Timeline({ timelineMax: 100, timelineBytesMax: 1000 });
  byBytes.merge([message(1, 'x'.repeat(300)), message(2, 'x'.repeat(100))]);
  assert.equal(byBytes.size, 2);
  byBytes.merge([message(3, 'x')]);
  assert.deepEqual(byBytes.items().map((each) => each.id), ['2', '3']);
});

test('the library needs no browser: the module has no DOM in it', () => {
  assert.equal(typeof globalThis.document, 'undefined');
  assert.equal(typeof HubClient, 'function');
});
