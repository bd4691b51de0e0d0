//! What moves data between the hub, the store and the world, and decides nothing.

pub mod socket;
