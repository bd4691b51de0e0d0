//! Keeps what must last. Two homes held to one contract: the memory of this process and Redis.
//!
//! It knows messages, positions and bounds; it refuses to know sessions' sockets and who may do what.

mod port;

pub use port::{Answer, Command, Fault, Retention, Ticket};
