// Pictures inside messages. Only kinds that cannot run script, and only as data URLs: nothing is fetched.

const PICTURE = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}$/;

/** What a payload shows: `text`, and `image`, a data URL that is safe for an <img>, or null. */
export function contentOf(payload) {
  const content = typeof payload.content === 'string' ? payload.content : '';
  if (isPicture(payload.image)) return { text: content, image: payload.image };
  if (isPicture(content)) return { text: '', image: content };
  // A picture of another kind, or a broken one: its text would be pages of noise.
  if (content.startsWith('data:image/')) return { text: 'A picture that cannot be shown', image: null };
  return { text: content, image: null };
}

function isPicture(value) {
  return typeof value === 'string' && PICTURE.test(value);
}
