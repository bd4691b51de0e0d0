// The signed-in page: one client, and the parts of the page that show it and act on it.

import { HubClient } from './client.js';
import { Columns } from './columns.js';
import { byId } from './dom.js';
import { listenToKeys } from './keys.js';
import { notice } from './notices.js';
import { Reads } from './reads.js';
import { Sidebar } from './sidebar.js';
import { Status } from './status.js';
import { rememberSession } from './storage.js';

// Many messages in one frame's time are drawn once.
const DRAW_MS = 16;

export class Chat {
  #client;
  #reads;
  #sidebar;
  #columns;
  #status;
  #changed = new Map();
  #drawTimer = null;

  /** `session` is `{user, rooms, people, shown?, seen?}`; throws a HubError when a name cannot be used. */
  constructor(session, { onSignOut }) {
    this.#client = new HubClient({ url: hubAddress(), userId: session.user, rooms: session.rooms, people: session.people });
    this.#reads = new Reads(session.seen);
    const client = this.#client;
    this.#sidebar = new Sidebar({
      show: (key) => this.#show(key),
      join: (room) => this.#show(client.join(room).key),
      direct: (user) => this.#show(client.openDirect(user).key),
      problem: notice,
      signOut: onSignOut,
    }, session.user);
    this.#status = new Status(client);
    this.#columns = new Columns({ host: byId('columns'), actions: this.#columnActions(), onChange: () => this.#drawLater() });
    listenToKeys({
      step: (by) => this.#step(by),
      nextUnread: () => this.#nextUnread(),
      joinRoom: () => this.#sidebar.goTo('join-room'),
      writeTo: () => this.#sidebar.goTo('direct-user'),
      help: () => byId('help').showModal(),
    });
    this.#listen();
    this.#columns.sync(client.conversations);
    for (const key of session.shown ?? []) this.#columns.show(key, { focus: false });
    this.#columns.show(session.shown?.at(-1) ?? client.conversations[0]?.key, { focus: hasKeyboard() });
    client.connect();
  }

  get hasUnsent() { return this.#client.unsent > 0; }

  /** For a page that is seen again, or a network that is back. */
  wake() {
    this.#client.probe();
    this.#columns.shown.forEach((key) => this.#changed.set(key, { aloud: false }));
    this.#drawLater();
  }

  /** Ends the connection, and draws and remembers nothing more. The page is loaded anew after it. */
  dispose() {
    clearTimeout(this.#drawTimer);
    this.#drawTimer = -1;
    this.#client.close();
  }

  #listen() {
    const client = this.#client;
    client.on('state', () => {
      this.#columns.shown.forEach((key) => this.#changed.set(key, { aloud: false }));
      this.#drawLater();
    });
    client.on('service', () => this.#drawLater());
    client.on('problem', notice);
    client.on('conversations', () => {
      this.#columns.sync(client.conversations);
      this.#drawLater();
    });
    client.on('conversation', ({ conversation }) => this.#touch(conversation.key, false));
    client.on('timeline', ({ conversation, reason, added }) => {
      this.#reads.noteFirst(conversation, reason, added);
      // Old messages are not read aloud, nor what the reader has written.
      this.#touch(conversation.key, reason === 'live' && added.some((message) => !message.mine));
    });
  }

  #columnActions() {
    const client = this.#client;
    return {
      send: (key, text) => client.send(key, text),
      leave: (key) => client.leave(key),
      rejoin: (key) => client.join(client.conversation(key).name),
      older: (key) => client.loadOlder(key).catch(notice),
      person: (name) => this.#show(client.openDirect(name).key),
      resend: (key, id) => attempt(() => client.resend(key, id)),
      discard: (key, id) => client.discard(key, id),
      seen: (key) => this.#seen(key),
      unread: (key) => this.#unread(key),
      isOnline: () => client.state.phase === 'online',
    };
  }

  #show(key) {
    this.#columns.show(key, { focus: hasKeyboard() });
    this.#drawLater();
  }

  #step(by) {
    const keys = this.#client.conversations.map((each) => each.key);
    if (keys.length === 0) return;
    this.#columns.show(keys[(keys.indexOf(this.#columns.active) + by + keys.length) % keys.length]);
  }

  #nextUnread() {
    const next = this.#client.conversations.find((each) => each.key !== this.#columns.active && this.#reads.unread(each) > 0);
    if (next) this.#columns.show(next.key);
  }

  #unread(key) {
    const conversation = this.#client.conversation(key);
    return conversation ? this.#reads.unread(conversation) : 0;
  }

  #seen(key) {
    const conversation = this.#client.conversation(key);
    if (!conversation || document.visibilityState !== 'visible') return;
    if (this.#reads.markSeen(conversation)) this.#drawLater();
  }

  #touch(key, aloud) {
    // One reason to be quiet wins: half of a history read aloud helps nobody.
    this.#changed.set(key, { aloud: aloud && (this.#changed.get(key)?.aloud ?? true) });
    this.#drawLater();
  }

  // A timer and not an animation frame: the title has to change in a hidden tab too.
  #drawLater() {
    this.#drawTimer ??= setTimeout(() => this.#draw(), DRAW_MS);
  }

  #draw() {
    const changed = this.#changed;
    this.#changed = new Map();
    for (const [key, options] of changed) this.#columns.update(key, options);
    this.#drawTimer = null;
    this.#status.update();
    const entries = this.#client.conversations.map((conversation) => ({
      key: conversation.key, kind: conversation.kind, name: conversation.name,
      unread: this.#reads.unread(conversation),
      isActive: conversation.key === this.#columns.active,
      isShown: this.#columns.shown.includes(conversation.key),
      isBroken: conversation.joined === 'refused',
    }));
    this.#sidebar.update(entries);
    const unread = entries.reduce((sum, entry) => sum + entry.unread, 0);
    document.title = unread > 0 ? `(${unread}) Aleatoria` : 'Aleatoria';
    this.#remember();
  }

  #remember() {
    const { userId, conversations } = this.#client;
    const names = (kind) => conversations.filter((each) => each.kind === kind).map((each) => each.name);
    const shown = this.#columns.shown.filter((key) => key !== this.#columns.active);
    rememberSession({
      user: userId, rooms: names('room'), people: names('direct'),
      shown: this.#columns.active ? [...shown, this.#columns.active] : shown,
      seen: this.#reads.toJson(conversations.map((each) => each.key)),
    });
  }
}

function attempt(act) {
  try { act(); } catch (error) { notice(error); }
}

function hubAddress() {
  return `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}/ws`;
}

// On a touch screen the focus would open the keyboard over half of the conversation.
function hasKeyboard() {
  return !matchMedia('(pointer: coarse)').matches;
}

