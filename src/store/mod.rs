//! Keeps what must last. Two homes held to one contract: the memory of this process and Redis.
//!
//! It knows messages, positions and bounds; it refuses to know sessions' sockets and who may do what.

mod journal;
mod port;

pub use journal::{Entry, Journal, Noted};
pub use port::{Answer, Command, Fault, Probe, Retention, Ticket};
