//! Aleatoria, a self-hosted realtime hub.
//!
//! Read [`protocol`] for the words on the wire, then [`hub`] for what happens on each of them; the
//! rest moves data between the two and the world:
//!
//! ```text
//! protocol <- hub <- store <- actors <- http <- server <- main
//! ```
//!
//! Each module uses only what stands to its left. [`config`] and [`metrics`] stand beside them.
//! [`mod@bench`] is a client of all this and knows nothing of it but the wire.
#![forbid(unsafe_code)]

pub mod actors;
pub mod bench;
pub mod cli;
pub mod config;
pub mod http;
pub mod hub;
pub mod logging;
pub mod metrics;
pub mod protocol;
pub mod server;
pub mod store;
pub mod usage;
