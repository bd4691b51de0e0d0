// One lasting connection made of many sockets: dials, waits for `welcome`, watches for life, dials again.
// It knows frames only as far as `welcome` and `ping`; what they mean to a chat is not its business.

import { backoffMs, verdictOf } from './closing.js';

const OPEN = 1;

export class Connection {
  #deps;
  #socket = null;
  #state = { phase: 'idle' };
  #attempt = 0;
  #welcomedAt = null;
  #heardAt = 0;
  // When the ping went out that nothing has answered yet, or null.
  #pingedAt = null;
  #pingIntervalMs = 0;
  #lastUnsentBytes = 0;
  #retryTimer = null;
  #lifeTimer = null;

  /**
   * `address()` gives the URL of each attempt. `hear` takes `state(state)`, `up(welcome)`,
   * `frame(frame)`, and `down({code, why})`, which is called once for every `up`.
   */
  constructor({ address, WebSocket, timers, now, random, limits, hear }) {
    this.#deps = { address, WebSocket, timers, now, random, limits, hear };
  }

  /** `phase` is idle, connecting, online, waiting (with `retryAt`) or stopped (with `why`, `code`). */
  get state() { return this.#state; }
  get online() { return this.#state.phase === 'online' && this.#socket !== null; }
  /** Bytes that the socket has not sent yet. */
  get unsentBytes() { return this.#socket?.bufferedAmount ?? 0; }

  /** Connects now, whatever it was waiting for. Does nothing while it is connected or about to be. */
  open() {
    if (this.#socket) return;
    this.#clearTimers();
    this.#dial();
  }

  /** Ends it for good, until `open`. */
  close() {
    this.#drop(1000);
    this.#setState({ phase: 'idle' });
  }

  /** Looks for life at once, for a caller that knows the network may have changed. */
  probe() {
    if (this.#state.phase === 'waiting') this.open();
    else if (this.online) this.#ping();
  }

  send(frame) {
    if (this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
    return true;
  }

  #dial() {
    const { address, WebSocket, timers, limits } = this.#deps;
    this.#setState({ phase: 'connecting', attempt: this.#attempt });
    let socket;
    try {
      socket = new WebSocket(address());
    } catch (error) {
      // A bad URL, or ws: from an https: page. Another try would throw again.
      this.#setState({ phase: 'stopped', why: 'address', detail: String(error.message ?? error) });
      return;
    }
    this.#socket = socket;
    // A socket that was given up may still call; only the present one is listened to.
    const current = (act) => (event) => { if (this.#socket === socket) act(event); };
    socket.onmessage = current((event) => this.#heard(event.data));
    socket.onclose = current((event) => this.#lost(event.code, event.reason));
    socket.onerror = () => {};
    this.#lifeTimer = timers.setTimeout(() => this.#lost(1006, ''), limits.welcomeTimeoutMs);
  }

  #heard(data) {
    this.#heardAt = this.#deps.now();
    this.#pingedAt = null;
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (typeof frame?.type !== 'string') return;
    if (frame.type === 'welcome' && !this.online) this.#welcomed(frame.payload ?? {});
    else this.#deps.hear.frame(frame);
  }

  #welcomed(welcome) {
    this.#welcomedAt = this.#deps.now();
    this.#pingedAt = null;
    this.#pingIntervalMs = welcome.pingIntervalMs > 0 ? welcome.pingIntervalMs : this.#deps.limits.pingIntervalMs;
    this.#lookAgainIn(this.#pingIntervalMs);
    this.#setState({ phase: 'online' });
    this.#deps.hear.up(welcome);
  }

  // A browser hides WebSocket pings, so silence is answered with a `ping` of our own.
  #watch() {
    const { now, limits } = this.#deps;
    const awaited = this.#pingedAt !== null;
    // A big message on a slow line holds the pong back: while bytes go out, there is life.
    const sending = this.unsentBytes > 0 && this.unsentBytes !== this.#lastUnsentBytes;
    this.#lastUnsentBytes = this.unsentBytes;
    if (awaited && !sending && now() - this.#pingedAt >= limits.pongTimeoutMs) return this.#lost(1006, '');
    const quiet = now() - this.#heardAt;
    if (awaited) this.#lookAgainIn(limits.pongTimeoutMs);
    else if (quiet >= this.#pingIntervalMs) this.#ping();
    else this.#lookAgainIn(this.#pingIntervalMs - quiet);
  }

  #ping() {
    this.#pingedAt = this.#deps.now();
    this.send({ type: 'ping', ref: 'ping' });
    this.#lookAgainIn(this.#deps.limits.pongTimeoutMs);
  }

  #lookAgainIn(ms) {
    this.#deps.timers.clearTimeout(this.#lifeTimer);
    this.#lifeTimer = this.#deps.timers.setTimeout(() => this.#watch(), ms);
  }

  #lost(code, reason) {
    const { hear, limits, now, random, timers } = this.#deps;
    if (this.#welcomedAt !== null && now() - this.#welcomedAt >= limits.stableMs) this.#attempt = 0;
    const verdict = verdictOf(code, reason, limits);
    this.#drop(1000, { code, why: verdict.why });
    if (verdict.action === 'stop') {
      this.#setState({ phase: 'stopped', why: verdict.why, code });
      return;
    }
    // `down` may have closed or opened it.
    if (this.#socket || this.#state.phase === 'idle') return;
    const wait = verdict.action === 'after' ? verdict.afterMs : backoffMs(this.#attempt++, random, limits);
    this.#retryTimer = timers.setTimeout(() => this.open(), wait);
    this.#setState({ phase: 'waiting', retryAt: now() + wait, attempt: this.#attempt, why: verdict.why, code });
  }

  #drop(code, ended = { code: 1000, why: 'closed' }) {
    const socket = this.#socket;
    const wasUp = this.#welcomedAt !== null;
    this.#clearTimers();
    this.#socket = null;
    this.#welcomedAt = null;
    // A dead peer never answers a close; the socket is left to the runtime and not waited for.
    try { socket?.close(code); } catch { /* it was never open */ }
    if (wasUp) this.#deps.hear.down(ended);
  }

  #clearTimers() {
    this.#deps.timers.clearTimeout(this.#retryTimer);
    this.#deps.timers.clearTimeout(this.#lifeTimer);
    this.#retryTimer = this.#lifeTimer = null;
  }

  #setState(state) {
    this.#state = state;
    this.#deps.hear.state(state);
  }
}
