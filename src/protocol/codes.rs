//! The one table of error codes and the one of close codes; docs/PROTOCOL.md is checked against both.

use serde::Serialize;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, retryable: $retryable:literal;)*) => {
        /// What went wrong with a client's frame, as `payload.code` of an `error` frame.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $variant,)* }

        impl ErrorCode {
            /// Every code, in the order of the document.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as it stands on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whether the same frame may succeed later without being changed.
            #[must_use]
            pub const fn retryable(self) -> bool {
                match self { $(Self::$variant => $retryable,)* }
            }
        }
    };
}

error_codes! {
    /// Not JSON, not an object with a string `type`, or a binary frame.
    InvalidFrame = "invalid_frame", retryable: false;
    /// A `type` that this server does not know.
    UnknownType = "unknown_type", retryable: false;
    /// A field that the frame needs is absent.
    MissingField = "missing_field", retryable: false;
    /// A field is there but wrong.
    InvalidField = "invalid_field", retryable: false;
    /// Only members may do this in the room.
    NotInRoom = "not_in_room", retryable: false;
    /// The session is in `MAX_ROOMS_PER_SESSION` rooms already.
    TooManyRooms = "too_many_rooms", retryable: false;
    /// No such room.
    RoomNotFound = "room_not_found", retryable: false;
    /// The room has reached its `maxParticipants`.
    RoomFull = "room_full", retryable: true;
    /// No such message, or no longer kept.
    MessageNotFound = "message_not_found", retryable: false;
    /// Only the author may do this.
    NotAuthor = "not_author", retryable: false;
    /// Only the server may send this, or the caller lacks the right.
    Forbidden = "forbidden", retryable: false;
    /// The token is absent, wrong or expired.
    Unauthorized = "unauthorized", retryable: false;
    /// The payload is above its limit.
    TooLarge = "too_large", retryable: false;
    /// More frames than `RATE_FRAMES_PER_SEC`; frames were dropped.
    RateLimited = "rate_limited", retryable: true;
    /// The store cannot serve this now.
    StoreUnavailable = "store_unavailable", retryable: true;
    /// Nobody is there to take the signal.
    PeerUnavailable = "peer_unavailable", retryable: true;
    /// The user is in no match.
    NoMatch = "no_match", retryable: false;
    /// The match named is over.
    StaleMatch = "stale_match", retryable: false;
    /// A fault of the server.
    Internal = "internal", retryable: true;
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

macro_rules! close_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $reason:literal;)*) => {
        /// Why the server closed a connection.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CloseCode { $($(#[$doc])* $variant,)* }

        impl CloseCode {
            /// Every code, in ascending order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The number in the close frame.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$variant => $code,)* }
            }

            /// The text in the close frame, where the case gives no better one.
            #[must_use]
            pub const fn reason(self) -> &'static str {
                match self { $(Self::$variant => $reason,)* }
            }
        }
    };
}

close_codes! {
    /// The client said goodbye and is answered in kind.
    Normal = 1000, "bye";
    /// The server is stopping; the reason text is JSON with `reconnectAfterMs`.
    ShuttingDown = 1001, "shutting down";
    /// The client broke RFC 6455.
    Protocol = 1002, "protocol error";
    /// A text message was not UTF-8.
    InvalidUtf8 = 1007, "invalid UTF-8";
    /// A message was above `MAX_FRAME_BYTES`.
    TooBig = 1009, "message too big";
    /// The queue passed `SESSION_QUEUE_BYTES`, or the socket took nothing for `WRITE_TIMEOUT_SECS`.
    SlowConsumer = 4001, "slow consumer";
    /// Neither pong nor frame for `PONG_TIMEOUT_SECS`.
    NoSignOfLife = 4003, "no sign of life";
    /// Another connection resumed this session.
    ResumedElsewhere = 4005, "resumed elsewhere";
    /// The token is missing, wrong or expired.
    Unauthorized = 4101, "unauthorized";
    /// Banned, or refused by policy.
    Banned = 4103, "banned";
    /// Too many connections or frames.
    TooMany = 4108, "too many connections or frames";
}

impl CloseCode {
    /// Whether a client may come back without anything having changed: below 4100, but not 4005,
    /// and not what it has to mend in itself.
    #[must_use]
    pub const fn reconnect(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::SlowConsumer | Self::NoSignOfLife)
    }
}
