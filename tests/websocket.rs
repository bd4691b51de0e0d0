//! The transport over real sockets: the situations of sections 1 to 7 of the Autobahn test suite,
//! and what a suite for one client does not try: slow, silent and vanishing ones.

#[path = "common/websocket.rs"]
mod websocket;

#[path = "websocket/conformance.rs"]
mod conformance;
#[path = "websocket/handshake.rs"]
mod handshake;
#[path = "websocket/sessions.rs"]
mod sessions;
#[path = "websocket/slow.rs"]
mod slow;
