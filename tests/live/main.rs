//! The wires: real hub processes, real sockets, real Redis servers.

mod abuse;
mod chat;
mod client;
mod document;
mod lifecycle;
mod outage;
mod redis_keys;
#[path = "../common/redis.rs"]
mod redis_server;
mod server;
