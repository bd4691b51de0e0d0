//! Where Redis is and how much may be asked of it at a time.

use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{ConnectionInfo, ProtocolVersion};

use crate::store::Retention;

/// How Redis is reached and used.
#[derive(Clone)]
pub struct RedisSettings {
    /// Where it listens and how to log in.
    pub connection: ConnectionInfo,
    /// Connections at most (`VALKEY_POOL_SIZE`), at least 2: one is for writes.
    pub pool_size: usize,
    /// What all keys begin with (`KEY_PREFIX`).
    pub prefix: String,
    /// The name of this node, unique among those on the same Redis.
    pub node: String,
    /// What is kept.
    pub retention: Retention,
    /// Time to get a connection.
    pub dial_timeout: Duration,
    /// Time for an answer.
    pub command_timeout: Duration,
    /// What this node puts into shared keys lapses after so long unless it is renewed.
    pub claim_expiry: Duration,
    /// Writes that may wait.
    pub lane_max: usize,
    /// Bytes that may wait to be written.
    pub lane_bytes_max: usize,
    /// Reads that may wait for a connection.
    pub reads_max: usize,
}

impl RedisSettings {
    /// The defaults for the node named `node`.
    #[must_use]
    pub fn new(connection: ConnectionInfo, node: &str) -> Self {
        Self {
            connection,
            pool_size: 10,
            prefix: String::new(),
            node: node.to_owned(),
            retention: Retention::default(),
            dial_timeout: Duration::from_secs(5),
            command_timeout: Duration::from_secs(3),
            claim_expiry: Duration::from_secs(120),
            lane_max: 16_384,
            lane_bytes_max: 64 * 1024 * 1024,
            reads_max: 1024,
        }
    }

    pub(super) fn connection_info(&self) -> ConnectionInfo {
        let login = self.connection.redis_settings().clone();
        // The replies are read as RESP2 writes them.
        let login = login
            .set_protocol(ProtocolVersion::RESP2)
            .set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        // Without it a batch of several packets waits for the acknowledgement of the one before.
        let tcp = TcpSettings::default().set_nodelay(true);
        self.connection.clone().set_redis_settings(login).set_tcp_settings(tcp)
    }
}
