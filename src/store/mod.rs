//! Keeps what must last. Two homes held to one contract: the memory of this process and Redis.
//!
//! It knows messages, positions and bounds; it refuses to know sessions' sockets and who may do what.

pub mod keys;
mod memory;
mod port;

pub use memory::{Appended, MemoryCounters, MemoryStore};
pub use port::{Answer, Command, Fault, Retention, Ticket};
