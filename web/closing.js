// What the end of a connection means: the close codes of the protocol, and the waiting times.

/**
 * Reads a close code. The answer's `action` is
 * `backoff` (reconnect after a random growing delay), `after` (reconnect after `afterMs`) or `stop`.
 */
export function verdictOf(code, reason, limits) {
  const asked = waitIn(reason);
  const bounded = asked === undefined ? undefined : Math.min(asked, limits.serverWaitMaxMs);
  if (code === 1001 && bounded !== undefined) return { action: 'after', afterMs: bounded, why: 'restarting' };
  if (code === 1001) return { action: 'backoff', why: 'restarting' };
  // Saying the same again would end the same way.
  if (code === 1002 || code === 1007) return { action: 'stop', why: 'protocol' };
  // The caller drops the frame that was too big before it reconnects.
  if (code === 1009) return { action: 'backoff', why: 'too_big' };
  if (code === 4005) return { action: 'stop', why: 'elsewhere' };
  if (code === 4101) return { action: 'stop', why: 'unauthorized' };
  if (code === 4108) return { action: 'after', afterMs: bounded ?? limits.busyWaitMs, why: 'busy' };
  if (code >= 4100 && code <= 4199) return { action: 'stop', why: 'refused' };
  return { action: 'backoff', why: code === 4001 ? 'slow' : 'lost' };
}

/** The delay before attempt number `attempt` (from 0), with full jitter; `random` gives [0, 1). */
export function backoffMs(attempt, random, limits) {
  // 2^30 is far above any cap; a larger exponent would only risk Infinity.
  const ceiling = Math.min(limits.backoffCapMs, limits.backoffBaseMs * 2 ** Math.min(attempt, 30));
  return Math.floor(random() * ceiling);
}

/** The `reconnectAfterMs` or `retryAfterMs` in a close reason, which is JSON or text around a number. */
function waitIn(reason) {
  const found = /(?:reconnectAfterMs|retryAfterMs)\W{0,4}(\d{1,9})/.exec(reason ?? '');
  return found ? Number(found[1]) : undefined;
}
