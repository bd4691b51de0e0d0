// A world without network, clock or chance for the tests of the client library.

import { HubClient } from '../../web/client.js';

/** Timers that run only when told: `advance(ms)` moves the clock and runs what became due, in order. */
export class FakeTimers {
  #now = 1_000_000;
  #next = 1;
  #timers = new Map();

  now = () => this.#now;
  setTimeout = (run, ms) => {
    const id = this.#next++;
    this.#timers.set(id, { run, at: this.#now + ms });
    return id;
  };
  clearTimeout = (id) => { this.#timers.delete(id); };
  get count() { return this.#timers.size; }

  async advance(ms) {
    const end = this.#now + ms;
    for (;;) {
      await settled();
      const due = [...this.#timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.#now = Math.max(this.#now, due[1].at);
      due[1].run();
    }
    this.#now = end;
    await settled();
  }
}

/** Lets every promise that can go on do so. */
export async function settled() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** The client's side of a socket, and the hub's: `sent` holds the frames, `say` sends one back. */
export class FakeSocket {
  static all = [];
  readyState = 0;
  bufferedAmount = 0;
  sent = [];
  closedWith = null;

  constructor(url) {
    this.url = new URL(url);
    FakeSocket.all.push(this);
  }

  send(text) { this.sent.push(JSON.parse(text)); }
  close(code) { this.closedWith = code; this.readyState = 3; }

  say(frame) { this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) }); }
  end(code, reason = '') { this.readyState = 3; this.onclose?.({ code, reason }); }
  of(type) { return this.sent.filter((frame) => frame.type === type); }
}

/** A client with a hub that is played by the test. */
export class World {
  timers = new FakeTimers();
  events = [];
  #ids = 0;

  constructor({ random = () => 0.5, ...options } = {}) {
    FakeSocket.all = [];
    const { timers } = this;
    this.client = new HubClient({
      url: 'ws://hub/ws', userId: 'ana', WebSocket: FakeSocket, timers, now: timers.now, random,
      newId: () => `m${++this.#ids}`, ...options,
    });
    for (const name of ['state', 'service', 'timeline', 'problem', 'frame']) {
      this.client.on(name, (detail) => this.events.push({ name, detail }));
    }
  }

  get socket() { return FakeSocket.all.at(-1); }
  get dials() { return FakeSocket.all.length; }
  problems() { return this.events.filter((event) => event.name === 'problem').map((event) => event.detail.code); }
  texts(key) { return this.client.conversation(key).timeline.items().map((message) => message.payload.content); }
  states(key) { return this.client.conversation(key).timeline.items().map((message) => message.state); }

  /** Connects, and answers as a hub with nothing in its history, unless `restore` is false. */
  async online({ welcome = {}, restore = true } = {}) {
    this.client.connect();
    await this.welcome(welcome);
    if (restore) await this.restore();
  }

  async welcome(payload = {}) {
    this.socket.readyState = 1;
    this.socket.say({ type: 'welcome', payload: { sessionId: 's', pingIntervalMs: 25_000, serviceState: { store: 'ok', cluster: 'ok' }, ...payload } });
    await settled();
  }

  /** Answers every join and history request that is not answered yet. `pages(request)` gives the payload. */
  async restore(pages = () => ({ messages: [], hasMore: false })) {
    const answered = (this.socket.answered ??= new Set());
    for (;;) {
      await settled();
      const open = this.socket.sent.filter((frame) => REPLIES[frame.type] && frame.ref && !answered.has(frame.ref));
      if (open.length === 0) return;
      for (const frame of open) {
        answered.add(frame.ref);
        const payload = frame.type === 'join_room' ? { room: frame.room, action: 'joined' } : pages(frame);
        this.socket.say({ type: REPLIES[frame.type], ref: frame.ref, payload });
      }
    }
  }

  ack(messageId, stored = 'redis', createTime = stamp(1)) {
    this.socket.say({ type: 'ack', messageId, ref: messageId, payload: { position: 1, createTime, stored } });
  }
}

const REPLIES = { join_room: 'room_joined', get_recent_messages: 'recent_messages', get_direct_messages: 'direct_messages' };

/** The hub's way of writing the instant number `n`. */
export function stamp(n) {
  return new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString().replace('Z', '000Z');
}

/** A room message of the hub. */
export function chat(n, fields = {}) {
  return {
    type: 'chat_message', room: 'den', fromUser: 'bob', messageId: `b${n}`, createTime: stamp(n),
    payload: { content: `text ${n}` }, ...fields,
  };
}
