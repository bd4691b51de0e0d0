//! The wires: real hub processes, real sockets, real Redis servers.

mod abuse;
mod chat;
mod client;
mod lifecycle;
mod server;
