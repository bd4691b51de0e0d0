//! Keeps what must last. Two homes held to one contract: the memory of this process and Redis.
//!
//! It knows messages, positions and bounds; it refuses to know sessions' sockets and who may do what.

mod journal;
pub mod keys;
mod memory;
mod port;
pub mod redis;
mod tiered;

pub use journal::{Damage, Entry, Journal, Noted};
pub use memory::{Appended, MemoryCounters, MemoryStore};
pub use port::{Answer, Command, Fault, Probe, Retention, Ticket};
pub use tiered::{Counts, DELIVERY_DEADLINE, Found, Home, Notice, Tiered, Turn};
