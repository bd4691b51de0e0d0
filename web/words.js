// What the page says, in plain words: states of the connection, of the service, of a message, and errors.

const ERRORS = {
  not_in_room: 'You are not in this room any more. Sending again joins it first.',
  rate_limited: 'Too fast for the hub. What was dropped is sent again in a moment.',
  room_full: 'The room is full.',
  room_not_found: 'There is no such room.',
  too_many_rooms: 'You are in as many rooms as the hub allows. Leave one first.',
  too_large: 'The message is too large for the hub.',
  store_unavailable: 'The hub cannot reach its storage. It is tried again.',
  unauthorized: 'The hub does not accept this sign-in any more.',
  forbidden: 'The hub does not allow this.',
  timeout: 'The hub did not answer in time.',
  disconnected: 'The connection was lost.',
  outbox_full: 'Too many messages wait to be sent. Wait until the connection is back.',
  internal: 'The hub had a fault of its own.',
};

/** A sentence for an error, with the hub's own text where this page knows none. */
export function errorText(error) {
  return ERRORS[error?.code] ?? error?.message ?? 'Something went wrong.';
}

const STOPPED = {
  elsewhere: 'This session goes on in another place.',
  unauthorized: 'The hub asks for a new sign-in.',
  refused: 'The hub refused this session.',
  protocol: 'The hub and this page do not understand each other. Reload the page.',
  address: 'This address cannot be connected to.',
};

const WAITING = {
  restarting: 'The hub is restarting.',
  busy: 'The hub is busy.',
};

/** The connection: `tone` is good, busy or bad; `text` does not change while the seconds run down. */
export function connectionWords(state, now) {
  switch (state.phase) {
    case 'online': return { tone: 'good', text: 'Online' };
    case 'connecting': return { tone: 'busy', text: state.attempt > 0 ? 'Reconnecting…' : 'Connecting…' };
    case 'waiting': {
      const seconds = Math.max(0, Math.ceil((state.retryAt - now) / 1000));
      const text = WAITING[state.why] ?? 'Not connected.';
      return { tone: 'bad', text, detail: seconds > 0 ? `Reconnecting in ${seconds} s` : 'Reconnecting…' };
    }
    case 'stopped': return { tone: 'bad', text: STOPPED[state.why] ?? 'The connection has ended.', stopped: true };
    default: return { tone: 'bad', text: 'Not connected.' };
  }
}

/** The service behind the hub, or null when there is nothing to say. */
export function serviceWords({ store, cluster }) {
  if (store === 'degraded') return 'The hub’s storage is away. Messages still arrive and are kept by the hub until it is back.';
  if (cluster === 'degraded') return 'The hub’s nodes are out of touch. Messages from other nodes may be late.';
  return null;
}

const MESSAGE_STATES = {
  sending: 'sending…',
  redis: 'stored',
  memory: 'in memory',
  journal: 'in the journal',
  failed: 'not sent',
};

/** The state of an own message; one from the history has none. */
export function messageStateWords(state, isOnline) {
  if (state === 'queued') return isOnline ? 'waiting…' : 'waiting for the connection';
  return MESSAGE_STATES[state] ?? '';
}
