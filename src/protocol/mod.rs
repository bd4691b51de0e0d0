//! The wire: typed frames in and out, ids, error and close codes, limits.
//!
//! Nothing here knows of sockets, stores or time; the outside of it is `docs/PROTOCOL.md`.

mod codes;
mod encoded;
mod ids;
mod incoming;
pub mod limits;
mod outgoing;
mod position;

pub use codes::{CloseCode, ErrorCode};
pub use encoded::{Encoded, text_header};
pub use ids::{ID_BYTES_MAX, Id, IdError, MessageId, REFERENCE_BYTES_MAX, RoomId, UserId};
pub use incoming::{Command, Page, Reference, Rejection, Request, Signal, Target, parse};
pub use limits::Limits;
pub use outgoing::{Draft, FrameKind, Outgoing, authored_by, insert_before_payload, system};
pub use position::Position;

/// Which frames a session may be sent, from `v=` in its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// Replies to what it sent, chat, `assign_role`, signalling, `hangup` and errors; nothing else.
    #[default]
    V1,
    /// Everything.
    V2,
}
