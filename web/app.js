// The page: signing in and out, and what belongs to the window itself.

import { Chat } from './chat.js';
import { nameProblem } from './client.js';
import { byId, setText } from './dom.js';
import { forgetSession, rememberedName, rememberedSession } from './storage.js';
import { errorText } from './words.js';

const DEFAULT_ROOM = 'Lobby';
let chat = null;

function start() {
  const asked = new URLSearchParams(location.search);
  const user = asked.get('user')?.trim();
  const rooms = asked.getAll('room').map((room) => room.trim()).filter(Boolean);
  byId('signin-name').value = user || rememberedName();
  byId('signin-room').value = rooms[0] ?? '';

  // A tab that was reloaded goes on where it was, unless its address names somebody else.
  const session = rememberedSession();
  if (session && (!user || session.user === user)) {
    enter({ ...session, rooms: [...new Set([...session.rooms, ...rooms])] });
  } else if (user) {
    enter({ user, rooms: rooms.length > 0 ? rooms : [DEFAULT_ROOM], people: [] });
  } else {
    showSignIn();
  }
}

function enter(session) {
  const problem = [session.user, ...session.rooms].map(nameProblem).find(Boolean);
  if (problem) return showSignIn(`This name cannot be used. ${problem}`);
  byId('signin').hidden = true;
  byId('app').hidden = false;
  try {
    chat = new Chat(session, { onSignOut: signOut });
  } catch (error) {
    showSignIn(errorText(error));
  }
}

function showSignIn(error = '') {
  byId('app').hidden = true;
  byId('signin').hidden = false;
  setText(byId('signin-error'), error);
  const name = byId('signin-name');
  (name.value ? byId('signin-room') : name).focus();
}

function signOut() {
  chat.dispose();
  chat = null;
  forgetSession();
  // Without the address's names, which would sign in again.
  location.assign(location.pathname);
}

byId('signin-form').addEventListener('submit', (event) => {
  event.preventDefault();
  enter({ user: byId('signin-name').value.trim(), rooms: [byId('signin-room').value.trim() || DEFAULT_ROOM], people: [] });
});
byId('help-button').addEventListener('click', () => byId('help').showModal());
addEventListener('online', () => chat?.wake());
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') chat?.wake();
});
addEventListener('beforeunload', (event) => {
  // What waits to be sent lives only in this page.
  if (chat?.hasUnsent) event.preventDefault();
});

start();
