//! What moves data between the hub, the store and the world, and decides nothing.

pub mod client;
pub mod clock;
pub mod hub;
pub mod redis_store;
pub mod socket;
