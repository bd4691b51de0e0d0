//! The bounds of the transport.

use std::time::Duration;

use crate::hub::SessionId;

/// What a socket may cost and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketConfig {
    /// Longest message from a client, in bytes (`MAX_FRAME_BYTES`).
    pub frame_bytes_max: usize,
    /// Bytes that may wait for one socket (`SESSION_QUEUE_BYTES`), but for one frame alone.
    pub queue_bytes_max: usize,
    /// Sockets of one worker, refused handshakes included; at most [`SessionId::SLOTS_MAX`].
    pub sockets_max: usize,
    /// Time between two pings (`PING_INTERVAL_SECS`).
    pub ping_interval: Duration,
    /// How long a client may send nothing, not even a pong (`PONG_TIMEOUT_SECS`).
    pub pong_timeout: Duration,
    /// How long a socket may take nothing while something waits (`WRITE_TIMEOUT_SECS`).
    pub write_timeout: Duration,
    /// How long a connection may take to end once a close was sent or an HTTP error answered.
    pub close_timeout: Duration,
}

impl Default for SocketConfig {
    fn default() -> Self {
        Self {
            frame_bytes_max: 1024 * 1024,
            queue_bytes_max: 1024 * 1024,
            sockets_max: SessionId::SLOTS_MAX,
            ping_interval: Duration::from_secs(25),
            pong_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(4),
        }
    }
}

impl SocketConfig {
    /// Time between two looks at all sockets: a second, or a quarter of the shortest time above.
    pub(super) fn sweep_interval(&self) -> Duration {
        const LONGEST: Duration = Duration::from_secs(1);
        const SHORTEST: Duration = Duration::from_millis(5);
        [self.ping_interval, self.pong_timeout, self.write_timeout, self.close_timeout]
            .into_iter()
            .map(|time| time / 4)
            .fold(LONGEST, Duration::min)
            .max(SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_looked_at_once_a_second_or_oftener() {
        let config = SocketConfig::default();
        assert_eq!(config.sweep_interval(), Duration::from_secs(1));
        let config = SocketConfig { pong_timeout: Duration::from_millis(100), ..config };
        assert_eq!(config.sweep_interval(), Duration::from_millis(25));
    }
}
