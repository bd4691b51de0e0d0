// The keyboard shortcuts that work everywhere on the page. They use Alt, so that typing stays typing.

/** `actions` takes `step(by)`, `nextUnread()`, `joinRoom()`, `writeTo()` and `help()`. */
export function listenToKeys(actions) {
  const shortcuts = {
    ArrowUp: () => actions.step(-1),
    ArrowDown: () => actions.step(1),
    KeyU: actions.nextUnread,
    KeyJ: actions.joinRoom,
    KeyP: actions.writeTo,
    Slash: actions.help,
  };
  document.addEventListener('keydown', (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey || document.querySelector('dialog[open]')) return;
    // By the key's place too: with Alt, a Mac types other letters.
    const act = shortcuts[event.code] ?? (event.key === '/' || event.key === '?' ? actions.help : undefined);
    if (!act) return;
    event.preventDefault();
    act();
  });
}
