//! WebSocket sessions on raw sockets: bytes of clients become messages of an [`Application`], and
//! frames from an [`Outbox`] become bytes.
//!
//! One worker thread owns its sockets alone and shares one read buffer among them. A session has a
//! task that waits for its socket, and holds nothing else while it is idle. It knows frames, limits
//! and time; it refuses to know JSON, rooms and users.
//!
//! To read it: `reader` and `queue` are the two directions of one session without a socket,
//! `session` puts a socket to them, `worker` holds all sessions of a thread, `task` waits.

mod clock;
mod closing;
mod config;
mod counters;
mod fanout;
pub mod frame;
mod liveness;
mod outbox;
mod queue;
mod reader;
mod session;
mod task;
mod utf8;
mod violation;
mod worker;
mod workers;

pub use config::SocketConfig;
pub use counters::{Counters, Counts};
pub use fanout::{Fanout, split};
pub use outbox::{Bundle, Delivery, Outbox, Receivers};
pub use task::Sockets;
pub use workers::Workers;

use crate::hub::SessionId;

/// What the sessions of one worker thread talk to. Its methods run on that thread and must be
/// quick; what they want to send goes through an [`Outbox`], never back into the transport.
///
/// Every session that was opened is told closed or overflowed exactly once, and nothing of it
/// follows. Frames that are sent to it after that are dropped.
pub trait Application: 'static {
    /// What the decision on the handshake found out about a client.
    type Hello: 'static;

    /// A client is connected.
    fn opened(&mut self, session: SessionId, hello: Self::Hello);
    /// A client sent a text message.
    fn text(&mut self, session: SessionId, text: &str);
    /// A client sent a binary message.
    fn binary(&mut self, session: SessionId, data: &[u8]);
    /// A client did not take what it was sent; its socket is being closed with 4001.
    fn overflowed(&mut self, session: SessionId);
    /// A client is gone or going: nothing more is read from it, nor sent to it.
    fn closed(&mut self, session: SessionId);
    /// All sockets that had something have been read: hand on what was gathered, in one batch.
    fn flush(&mut self);
    /// Whether reading must wait, so that what is behind the application stays bounded. Whoever
    /// makes this false again calls [`Outbox::resume`] afterwards.
    fn congested(&self) -> bool {
        false
    }
}
