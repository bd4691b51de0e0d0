// The client library: one user's session with a hub, with no DOM, for browsers and Node.
// It puts the parts together: the connection, requests, the outbox, and conversations with their history.
//
// Events (`on(name, listener)`):
//   state         the connection: {phase, retryAt?, why?, code?}
//   service       the hub's storage and cluster: {store, cluster, since}
//   conversations the list of conversations changed
//   conversation  {conversation}: joined, refused, degraded, loading
//   timeline      {conversation, reason}: 'live', 'missed', 'history' or 'own'
//   problem       a HubError that belongs to no request and no message
//   frame         a frame of a type that this version does not handle

import { Connection } from './connection.js';
import { Conversation, keyOf, messageOf, placeOf } from './conversation.js';
import { Emitter } from './emitter.js';
import { Delivery, outboxFull } from './delivery.js';
import { HubError } from './errors.js';
import { LIMITS } from './limits.js';
import { nameProblem, newUuid } from './names.js';
import { Pacer } from './pacer.js';
import { Requests } from './requests.js';
import { Restore } from './restore.js';

/** What of a room is shown in its timeline. */
const SHOWN_TYPES = new Set(['chat_message', 'system_message']);

export class HubClient extends Emitter {
  #url;
  #token;
  #deps;
  #limits;
  #connection;
  #requests;
  #delivery;
  #pacer;
  #restore;
  #conversations = new Map();

  /** `url` is the address of `/ws`; the last five exist so that tests need no network, clock or chance. */
  constructor({
    url, userId, rooms = [], people = [], token, limits = {},
    WebSocket = globalThis.WebSocket, timers = globalThis, now = Date.now, random = Math.random, newId = newUuid,
  }) {
    super();
    const problem = nameProblem(userId);
    if (problem) throw new HubError('invalid_field', `The user name cannot be used. ${problem}`, { field: 'userId' });
    this.userId = userId;
    this.welcome = null;
    this.service = { store: 'ok', cluster: 'ok' };
    this.#url = url;
    this.#token = token;
    this.#limits = { ...LIMITS, ...limits };
    this.#deps = { timers, now, newId };
    this.#requests = new Requests({ timers, limits: this.#limits });
    this.#pacer = new Pacer({ timers, now, perSec: this.#limits.framesPerSec, burst: this.#limits.framesBurst });
    this.#connection = new Connection({
      address: () => this.#address(), WebSocket, timers, now, random, limits: this.#limits,
      hear: {
        state: (state) => this.emit('state', state),
        up: (welcome) => this.#up(welcome),
        down: (ended) => this.#down(ended),
        frame: (frame) => this.#heard(frame),
      },
    });
    this.#delivery = new Delivery({
      limits: this.#limits, timers, now, pacer: this.#pacer, socket: this.#connection,
      canSend: (key) => this.#canSend(key), show: (key, id, changes) => this.#showMessage(key, id, changes),
    });
    this.#restore = new Restore({
      limits: this.#limits, timers, userId, request: (type, fields) => this.request(type, fields),
      isOnline: () => this.#connection.online,
      isOpen: (conversation) => this.#conversations.get(conversation.key) === conversation,
      hear: {
        changed: (conversation) => this.emit('conversation', { conversation }),
        joined: () => this.#delivery.flush(),
        refused: (conversation) => this.#delivery.failConversation(conversation.key, conversation.error),
        read: (conversation, reason, added) => this.#changed(conversation, reason, added),
      },
    });
    rooms.forEach((room) => this.#open('room', room));
    people.forEach((user) => this.#open('direct', user));
  }

  get state() { return this.#connection.state; }
  /** Messages that the hub has not acknowledged. */
  get unsent() { return this.#delivery.size; }
  /** Rooms first, then people, each in the order opened. */
  get conversations() {
    const all = [...this.#conversations.values()];
    return [...all.filter((each) => each.kind === 'room'), ...all.filter((each) => each.kind === 'direct')];
  }

  conversation(key) { return this.#conversations.get(key); }

  connect() { this.#connection.open(); }
  close() { this.#connection.close(); }
  /** Reconnects at once, or asks for a sign of life: for `online` events and a page that is seen again. */
  probe() { this.#connection.probe(); }

  /** Sends a request and resolves with the reply frame, or rejects with a HubError. */
  request(type, fields = {}) {
    if (!this.#connection.online) return Promise.reject(HubError.disconnected());
    const { ref, reply } = this.#requests.open();
    if (ref !== undefined) this.#pacer.run(() => this.#connection.send({ type, ...fields, ref }));
    return reply;
  }

  /** Wants to be in a room, now and after every reconnect. */
  join(room) {
    const conversation = this.#open('room', room);
    this.#restore.startAgain(conversation);
    return conversation;
  }

  /** Opens the conversation with a user. */
  openDirect(user) {
    const isNew = !this.#conversations.has(keyOf('direct', user));
    const conversation = this.#open('direct', user);
    if (isNew) this.#restore.start(conversation);
    return conversation;
  }

  /** Leaves a room or puts a direct conversation away; its unsent messages are given up. */
  leave(key) {
    const conversation = this.#conversations.get(key);
    if (!conversation) return;
    this.#forget(conversation);
    if (conversation.kind === 'room') this.#leaveRoom(conversation.name);
  }

  /**
   * Sends a message, given as text or as a payload with a string `content`. It is kept until the hub has
   * acknowledged it and survives reconnects. Returns the message as the timeline shows it.
   */
  send(key, content) {
    const conversation = this.#conversations.get(key);
    if (!conversation) throw new HubError('not_in_room', 'This conversation is not open.');
    const payload = typeof content === 'string' ? { content } : content;
    const message = {
      id: this.#deps.newId(), type: 'chat_message', fromUser: this.userId, payload, mine: true, state: 'queued',
      writtenAt: this.#deps.now(),
    };
    if (conversation.timeline.pendingSize >= this.#limits.outboxMax) throw outboxFull();
    this.#post(conversation, message);
    conversation.timeline.addPending(message);
    // It would wait for a room that the hub keeps shut.
    if (conversation.joined === 'refused') this.#delivery.fail(message.id, conversation.error);
    this.#changed(conversation, 'own');
    this.#delivery.flush();
    return message;
  }

  /** Sends a failed message again, under its old id. */
  resend(key, id) {
    const conversation = this.#conversations.get(key);
    const message = conversation?.timeline.get(id);
    if (message?.state !== 'failed') return;
    this.#post(conversation, message);
    conversation.timeline.update(id, { state: 'queued', error: undefined });
    this.#changed(conversation, 'own');
    this.#restore.startAgain(conversation);
    this.#delivery.flush();
  }

  /** Takes a failed message out of the timeline. */
  discard(key, id) {
    const conversation = this.#conversations.get(key);
    if (conversation?.timeline.get(id)?.state !== 'failed') return;
    conversation.timeline.remove(id);
    this.#changed(conversation, 'own');
  }

  /** Reads a page of older messages into the timeline; resolves with how many were new. */
  async loadOlder(key) {
    const conversation = this.#conversations.get(key);
    if (!conversation || conversation.loading || !conversation.hasMore) return 0;
    this.#setLoading(conversation, true);
    try {
      const added = await this.#restore.older(conversation);
      this.#changed(conversation, 'history');
      return added.length;
    } finally {
      this.#setLoading(conversation, false);
    }
  }

  // ---- the connection

  #address() {
    const url = new URL(this.#url);
    const first = this.#wantedRooms()[0];
    url.searchParams.set('userId', this.userId);
    if (first) url.searchParams.set('room', first.name);
    url.searchParams.set('v', '2');
    const token = typeof this.#token === 'function' ? this.#token() : this.#token;
    if (token) url.searchParams.set('token', token);
    return url.href;
  }

  #up(welcome) {
    this.#restore.turn();
    this.welcome = welcome;
    this.#pacer.configure(this.#pace(welcome.limits ?? {}));
    this.#setService(welcome.serviceState);
    // A session that names no room is put into one.
    const wanted = new Set(this.#wantedRooms().map((each) => each.name));
    for (const room of welcome.rooms ?? []) if (!wanted.has(room)) this.#leaveRoom(room);
    for (const conversation of this.conversations) this.#restore.start(conversation);
    this.#delivery.flush();
  }

  // A fifth below what the hub allows, because the hub counts on its own clock.
  #pace({ framesPerSecond, framesBurst }) {
    const { framesPerSec, framesBurst: burst } = this.#limits;
    return {
      perSec: framesPerSecond > 0 ? Math.min(framesPerSec, framesPerSecond * 0.8) : framesPerSec,
      burst: framesBurst > 0 ? Math.max(1, Math.min(burst, Math.floor(framesBurst * 0.8))) : burst,
    };
  }

  #down({ code }) {
    this.#restore.turn();
    this.#pacer.clear();
    if (code === 4001) this.#restore.shrinkPages();
    for (const conversation of this.#conversations.values()) conversation.disconnected();
    this.#delivery.disconnected({ tooBig: code === 1009 });
    this.#requests.failAll(HubError.disconnected());
  }

  #heard(frame) {
    if (frame.type === 'ack') this.#acknowledged(frame);
    else if (frame.type === 'service_state') this.#setService(frame.payload);
    else if (frame.type === 'error' || frame.type === 'error_response') this.#refused(frame);
    else if (this.#requests.settle(frame) || frame.type === 'pong') return;
    else if (SHOWN_TYPES.has(frame.type)) this.#received(frame);
    else this.emit('frame', frame);
  }

  #setService(state) {
    const wasDegraded = this.service.store === 'degraded';
    this.service = { store: 'ok', cluster: 'ok', ...(typeof state === 'string' ? { store: state } : state) };
    this.emit('service', this.service);
    if (!wasDegraded || this.service.store === 'degraded') return;
    // What was read from a degraded hub may have been short, or could not be read at all.
    for (const conversation of this.#conversations.values()) {
      if (conversation.degraded || !conversation.live) this.#restore.start(conversation);
    }
  }

  #refused(frame) {
    const error = HubError.fromFrame(frame);
    const id = frame.messageId ?? frame.ref;
    const wasAsked = this.#requests.fail(frame.ref, error);
    if (error.code === 'rate_limited') {
      this.#delivery.slowDown(error.retryAfterMs ?? this.#limits.retryMs);
      this.emit('problem', error);
    } else if (this.#delivery.has(id)) this.#notTaken(id, error);
    else if (!wasAsked) this.emit('problem', error);
  }

  // ---- conversations

  #open(kind, name) {
    const key = keyOf(kind, name);
    const known = this.#conversations.get(key);
    if (known) return known;
    const problem = nameProblem(name);
    if (problem) throw new HubError('invalid_field', `This name cannot be used. ${problem}`, { field: kind });
    if (this.#conversations.size >= this.#limits.conversationsMax) this.#evictDirect();
    const conversation = new Conversation(kind, name, this.#limits);
    this.#conversations.set(key, conversation);
    this.emit('conversations');
    return conversation;
  }

  // Anyone can write to us, so strangers could open conversations without end: the quietest makes room.
  #evictDirect() {
    const idle = this.conversations.filter((each) => each.kind === 'direct' && !this.#delivery.holds(each.key));
    const lastTime = (each) => each.timeline.newest?.createTime ?? '';
    const quietest = idle.sort((a, b) => (lastTime(a) < lastTime(b) ? -1 : 1))[0];
    if (!quietest) throw new HubError('too_many_rooms', 'Too many conversations are open.');
    this.#forget(quietest);
  }

  #forget(conversation) {
    this.#conversations.delete(conversation.key);
    this.#delivery.forget(conversation.key);
    this.emit('conversations');
  }

  #leaveRoom(room) {
    // Not in it any more is all that is wanted: a lost connection does that too.
    this.request('leave_room', { room }).catch(() => {});
  }

  #wantedRooms() {
    return this.conversations.filter((each) => each.kind === 'room' && each.joined !== 'refused');
  }

  #setLoading(conversation, loading) {
    conversation.loading = loading;
    this.emit('conversation', { conversation });
  }

  #changed(conversation, reason, added = []) {
    this.emit('timeline', { conversation, reason, added });
  }

  // ---- messages in

  #received(frame) {
    const place = placeOf(frame, this.userId);
    const message = messageOf(frame, this.userId);
    if (!place || !message) return;
    const key = keyOf(place.kind, place.name);
    // A room that we have just left, or that another session of this user is in.
    if (place.kind === 'room' && !this.#conversations.has(key)) return;
    const conversation = place.kind === 'direct' ? this.openDirect(place.name) : this.#conversations.get(key);
    const added = conversation.timeline.merge([message]);
    if (conversation.live && !conversation.degraded) conversation.mark = message.createTime;
    if (conversation.timeline.trimmed) conversation.hasMore = true;
    this.#changed(conversation, 'live', added);
  }

  // ---- messages out

  #post(conversation, message) {
    this.#delivery.post(conversation.key, conversation.address, message, this.welcome?.limits?.frameBytes);
  }

  #canSend(key) {
    const conversation = this.#conversations.get(key);
    return conversation !== undefined && (conversation.kind === 'direct' || conversation.joined === 'yes');
  }

  #acknowledged({ messageId, ref, payload = {} }) {
    const id = messageId ?? ref;
    const changes = { state: payload.stored ?? 'memory' };
    if (payload.createTime) changes.createTime = payload.createTime;
    if (!this.#delivery.acknowledged(id, changes)) this.#acknowledgedAgain(id, changes);
  }

  // A message from the journal has reached the store.
  #acknowledgedAgain(id, { state }) {
    for (const conversation of this.#conversations.values()) {
      if (conversation.timeline.update(id, { state })) return this.#changed(conversation, 'own');
    }
  }

  #notTaken(id, error) {
    const conversation = this.#conversations.get(this.#delivery.conversationOf(id));
    // The hub does not see us in the room (any more); sending it again will join first.
    if (error.code === 'not_in_room' && conversation) conversation.joined = 'no';
    this.#delivery.refused(id, error);
  }

  #showMessage(conversationKey, id, changes) {
    const conversation = this.#conversations.get(conversationKey);
    if (conversation?.timeline.update(id, changes)) this.#changed(conversation, 'own');
  }
}

export { HubError, keyOf, nameProblem };
