// Every bound and waiting time of the client library, in one place. Times are milliseconds.
// A caller may override any of them; the unit tests hold each bound at n and at n + 1.

const MIB = 1024 * 1024;

export const LIMITS = Object.freeze({
  // Reconnecting. The delay is random between 0 and min(cap, base * 2^attempt): "full jitter", so
  // that the clients of a hub that died do not come back in one wave.
  backoffBaseMs: 500,
  backoffCapMs: 30_000,
  // A connection has to live this long before its end counts as a first failure again.
  stableMs: 5_000,
  // A server may ask for a wait, but never for one longer than this.
  serverWaitMaxMs: 120_000,
  // The wait after close 4108 when its reason names none.
  busyWaitMs: 10_000,

  welcomeTimeoutMs: 10_000,
  // Used until `welcome` names the server's own interval.
  pingIntervalMs: 25_000,
  pongTimeoutMs: 10_000,

  requestTimeoutMs: 10_000,
  requestsMax: 256,

  // Messages that no `ack` has answered yet.
  outboxMax: 500,
  outboxBytesMax: 16 * MIB,
  inFlightMax: 20,
  inFlightBytesMax: 2 * MIB,
  ackTimeoutMs: 15_000,
  attemptsMax: 10,
  // The wait after a retryable error that names none.
  retryMs: 1_000,

  // Below the hub's defaults (50 frames a second, 100 at once): going over loses frames.
  framesPerSec: 40,
  framesBurst: 80,
  frameBytesMax: MIB,

  pageSize: 50,
  pageSizeMin: 1,
  fillPagesMax: 10,
  fillAttemptsMax: 5,
  // Rooms that are joined and filled at the same time after a reconnect.
  restoresMax: 4,

  timelineMax: 2_000,
  timelineBytesMax: 32 * MIB,
  conversationsMax: 200,
});
