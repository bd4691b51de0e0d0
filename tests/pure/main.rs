//! All that can be tested without sockets, servers and time.

mod broken_input;
mod document;
mod hub_v1;
mod hub_v2;
mod model_redis;
mod tiered;
mod world;
