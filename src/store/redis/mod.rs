//! What Redis is told and how its answers read: scripts, commands, replies and faults as values.
//!
//! It refuses to know connections; those live in `actors::redis_store`.

mod book;
mod commands;
mod replies;
mod scripts;

pub use book::{Book, Held};
pub use commands::Commands;
pub use replies::{appended, connection_fault, history, number, probed, server_fault};
pub use scripts::Script;
