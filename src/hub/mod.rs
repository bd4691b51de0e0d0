//! The whole behaviour as a pure state machine: inputs in, effects out, time passed in.
//!
//! It owns the live sessions, rooms and the pool of peers. It refuses to know sockets, stores,
//! clocks and random sources.

mod port;
mod session_id;

use std::sync::Arc;
use std::time::Duration;

pub use port::{
    Append, Conversation, Fact, Health, History, Kept, Origin, Pair, Placed, Read, StoreError,
    Stored,
};
pub use session_id::SessionId;

use crate::protocol::{CloseCode, Encoded, Position, Rejection, Request, RoomId, UserId, Version};

/// The moment at which an input is handled, by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The time of day; it may be set back.
    pub wall: Position,
    /// Since the process began; it never turns back.
    pub elapsed: Duration,
}

/// All that can happen to the hub.
#[derive(Debug)]
pub enum Input {
    /// A connection was accepted.
    Connected { session: SessionId, user: UserId, version: Version, room: Option<RoomId> },
    /// A session sent a frame.
    Frame { session: SessionId, frame: Result<Request, Rejection> },
    /// A session did not take what it was sent; its socket is being closed.
    Overflowed { session: SessionId },
    /// A connection is gone.
    Closed { session: SessionId },
    /// A message was stored, or kept in its stead.
    Appended { append: Append, placed: Placed },
    /// A message that was acknowledged as journalled is now in Redis.
    Confirmed { append: Append, position: Position },
    /// A page was read.
    Loaded { read: Read, result: Result<History, StoreError> },
    /// The store went away or came back.
    StoreHealth(Health),
    /// The store lost what it was told of sessions: tell all facts again.
    TellFacts,
    /// The server is stopping: say goodbye to everybody.
    Drain,
    /// Time has passed; at least once a second.
    Tick,
}

/// All that the hub can ask for. Effects are performed in the order in which they were given.
#[derive(Debug)]
pub enum Effect {
    /// Put a frame into the queue of each session of the audience.
    Send { to: Audience, frame: Encoded },
    /// Close a connection after what is queued for it. The hub has forgotten the session.
    Close { session: SessionId, code: CloseCode, reason: String },
    /// Store a message.
    Append(Append),
    /// Read a page of history.
    Read(Read),
    /// Tell the shared keys.
    Tell(Fact),
}

/// Who gets a frame.
#[derive(Debug, Clone)]
pub enum Audience {
    /// One session.
    One(SessionId),
    /// Several, in ascending order.
    Many(Arc<[SessionId]>),
}
