// What the browser remembers: the name, and per tab the open conversations and how far they were read.
// A browser may refuse storage (private windows, policies); then nothing is remembered.

const NAME = 'aleatoria.name';
const SESSION = 'aleatoria.session';

export function rememberedName() {
  return read(() => localStorage, NAME) ?? '';
}

/** `{user, rooms, people, shown, seen}` of this tab, or null when it is not signed in. */
export function rememberedSession() {
  const session = read(() => sessionStorage, SESSION);
  return typeof session?.user === 'string' ? session : null;
}

export function rememberSession(session) {
  write(() => localStorage, NAME, session.user);
  write(() => sessionStorage, SESSION, session);
}

/** Signs this tab out; the name stays for the next time. */
export function forgetSession() {
  try { sessionStorage.removeItem(SESSION); } catch { /* nothing was remembered */ }
}

function read(store, key) {
  try { return JSON.parse(store().getItem(key)); } catch { return null; }
}

function write(store, key, value) {
  try { store().setItem(key, JSON.stringify(value)); } catch { /* the page works without */ }
}
