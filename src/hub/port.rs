//! What the hub asks of a store, and what it is told. The stores themselves live in `store`.

use std::fmt;

use bytes::Bytes;

use super::SessionId;
use crate::protocol::{Draft, MessageId, Page, Position, Reference, RoomId, UserId};

/// Where messages are kept in one order: a room, or a pair of users.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Conversation {
    /// All messages of a room.
    Room(RoomId),
    /// All messages between two users.
    Direct(Pair),
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room(room) => write!(f, "room {room}"),
            Self::Direct(Pair { low, high }) => write!(f, "{low} and {high}"),
        }
    }
}

/// Two users (or one, who writes to himself), the same pair whichever is named first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pair {
    low: UserId,
    high: UserId,
}

impl Pair {
    /// The pair of `one` and `other`.
    #[must_use]
    pub fn new(one: UserId, other: UserId) -> Self {
        if one <= other { Self { low: one, high: other } } else { Self { low: other, high: one } }
    }

    /// The user whose id comes first in byte order.
    #[must_use]
    pub fn low(&self) -> &UserId {
        &self.low
    }

    /// The user whose id comes last in byte order.
    #[must_use]
    pub fn high(&self) -> &UserId {
        &self.high
    }
}

/// Who asked, so that the answer finds back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The session that asked; it may be gone when the answer comes.
    pub session: SessionId,
    /// Its `ref`.
    pub reference: Option<Reference>,
}

/// A message to be stored. It carries all that is needed to deliver it afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// Who gets the `ack`; `None` when the session was lost with an earlier process.
    pub origin: Option<Origin>,
    /// Where it belongs.
    pub conversation: Conversation,
    /// Who wrote it.
    pub author: UserId,
    /// Its id; the same id again in the same conversation is the same message.
    pub message_id: MessageId,
    /// Its text.
    pub draft: Draft,
}

impl Append {
    /// The recipient of a direct message.
    #[must_use]
    pub fn recipient(&self) -> Option<&UserId> {
        match &self.conversation {
            Conversation::Room(_) => None,
            Conversation::Direct(pair) if pair.low == self.author => Some(&pair.high),
            Conversation::Direct(pair) => Some(&pair.low),
        }
    }

    /// Bytes that it takes to keep it, roughly.
    #[must_use]
    pub fn weight(&self) -> usize {
        const OVERHEAD: usize = 256;
        self.draft.len() + OVERHEAD
    }
}

/// Where a message was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its position; the old one for a message that was already there.
    pub position: Position,
    /// The position before it, 0 for the first of a conversation.
    pub previous: Position,
    /// What holds it.
    pub kept: Kept,
}

/// What holds a message, as `stored` in an `ack` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// Redis has it.
    Redis,
    /// Only the memory of this process has it.
    Memory,
    /// The journal has it; it goes to Redis when that is back.
    Journal,
}

/// A page of history to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Who asked.
    pub origin: Origin,
    /// Whose history.
    pub conversation: Conversation,
    /// Which part of it.
    pub page: Page,
}

/// A page of history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Oldest first.
    pub messages: Vec<Stored>,
    /// Whether older ones are kept.
    pub more: bool,
    /// Whether it comes from the hot window because Redis is away, so that older ones may be missing.
    pub degraded: bool,
}

/// One stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place.
    pub position: Position,
    /// Its JSON text, UTF-8, as it was delivered to a room (without `incoming`).
    pub json: Bytes,
}

/// Why a read was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store is away and nothing here can stand in for it.
    #[error("the store is unavailable")]
    Unavailable,
}

/// Something about the live sessions that other nodes and operators see in shared keys.
///
/// Facts are told in order and without an answer. While Redis is away they are dropped; on its return
/// the hub tells all that still hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A session is in a room.
    Joined { session: SessionId, user: UserId, room: RoomId },
    /// A session is no longer in a room; `last` if no other session of the user here is.
    Left { session: SessionId, user: UserId, room: RoomId, last: bool },
    /// The user may be drawn for a call.
    Available { user: UserId },
    /// The user may no longer be drawn.
    Unavailable { user: UserId },
}

/// How the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// All is kept as configured.
    Ok,
    /// Redis is away; the hub works from memory and the journal.
    Degraded,
}
