//! The Redis store against a private redis-server: keys, scripts, faults and bounds.

#[path = "common/proxy.rs"]
mod proxy;
#[path = "common/redis.rs"]
mod server;
#[path = "common/store.rs"]
mod store;

#[path = "redis_store/faults.rs"]
mod faults;
#[path = "redis_store/keys.rs"]
mod keys;
#[path = "redis_store/scripts.rs"]
mod scripts;
