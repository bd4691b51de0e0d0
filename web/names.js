// The rule for user ids, room names and message ids, as the hub checks it, and ids of our own.

const BYTES_MAX = 128;

/** What is wrong with a name, as a sentence for people, or null. */
export function nameProblem(name) {
  if (name.length === 0) return 'It is empty.';
  if (new TextEncoder().encode(name).length > BYTES_MAX) return `It is longer than ${BYTES_MAX} bytes.`;
  if (/\p{Cc}/u.test(name)) return 'It has a control character.';
  if (name.trim() !== name) return 'It begins or ends with a space.';
  return null;
}

/** A random UUID. `crypto.randomUUID` is missing on plain http: pages that are not on localhost. */
export function newUuid(source = globalThis.crypto) {
  if (source.randomUUID) return source.randomUUID();
  const bytes = source.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
