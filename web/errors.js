// One kind of error for all that can go wrong with a request or a message.

export class HubError extends Error {
  /** `code` is one of the hub's codes, or `disconnected`, `timeout`, `too_many_requests`, `outbox_full`. */
  constructor(code, message, { retryable = false, field, retryAfterMs, ref, messageId } = {}) {
    super(message);
    this.name = 'HubError';
    this.code = code;
    this.retryable = retryable;
    this.field = field;
    this.retryAfterMs = retryAfterMs;
    this.ref = ref;
    this.messageId = messageId;
  }

  /** From an `error` or `error_response` frame. */
  static fromFrame(frame) {
    const payload = frame.payload ?? {};
    return new HubError(payload.code ?? 'internal', payload.error ?? 'The hub refused a frame.', {
      retryable: payload.retryable === true,
      field: payload.field,
      retryAfterMs: payload.retryAfterMs,
      ref: frame.ref,
      messageId: frame.messageId,
    });
  }

  static disconnected() {
    return new HubError('disconnected', 'The connection to the hub was lost.', { retryable: true });
  }
}
