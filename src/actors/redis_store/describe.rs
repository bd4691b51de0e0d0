//! What Redis says of itself, for whoever looks at the hub.

use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::RedisStore;
use crate::store::Fault;

/// Asks Redis how it is.
#[derive(Debug, Message)]
#[rtype(result = "Result<Description, Fault>")]
pub struct Describe;

/// How Redis is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Since when it runs.
    pub uptime: Duration,
    /// Clients connected to it.
    pub connected_clients: u64,
    /// Bytes of memory in use.
    pub memory_bytes: u64,
    /// The time of the round trip.
    pub latency: Duration,
}

impl Description {
    /// Reads the answer to `INFO`. What is not there counts as zero.
    fn read(info: &str, latency: Duration) -> Self {
        let number = |name: &str| {
            let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
        };
        Self {
            uptime: Duration::from_secs(number("uptime_in_seconds")),
            connected_clients: number("connected_clients"),
            memory_bytes: number("used_memory"),
            latency,
        }
    }
}

impl Handler<Describe> for RedisStore {
    type Result = ResponseFuture<Result<Description, Fault>>;

    fn handle(&mut self, _: Describe, _: &mut Self::Context) -> Self::Result {
        let connections = Rc::clone(&self.connections);
        Box::pin(async move {
            let mut lease = connections.lease().await?;
            let begun = Instant::now();
            let answer = lease.ask_one(redis::cmd("INFO")).await?;
            let latency = begun.elapsed();
            connections.keep(lease);
            let info: String = redis::from_redis_value(answer)
                .map_err(|error| Fault::Refused(error.to_string()))?;
            Ok(Description::read(&info, latency))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_found_and_what_is_absent_is_zero() {
        let info = "# Server\r\nuptime_in_seconds:42\r\n# Memory\r\nused_memory_rss:7\r\nused_memory:1024\r\n";
        let description = Description::read(info, Duration::from_millis(1));
        assert_eq!(description.uptime, Duration::from_secs(42));
        assert_eq!((description.memory_bytes, description.connected_clients), (1024, 0));
    }
}
