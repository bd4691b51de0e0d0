//! The wires: real hub processes, real sockets, real Redis servers.

mod abuse;
mod chat;
mod client;
mod degradation;
mod document;
mod lifecycle;
mod operators;
mod outage;
#[path = "../common/proxy.rs"]
mod proxy;
mod redis_keys;
#[path = "../common/redis.rs"]
mod redis_server;
mod server;
