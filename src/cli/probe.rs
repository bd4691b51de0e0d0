//! Asks Redis what it is and how it is set up, over one connection of its own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};

use crate::config::RedisConfig;

/// How long connecting, logging in included, may take.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(3);

/// What Redis says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// `Redis`, `Valkey`, or what the server calls itself.
    pub product: String,
    /// Its version, such as `7.2.4`; of Valkey its own one.
    pub version: String,
    /// The version of Redis that it is compatible with; the same for Redis itself.
    pub compatible: String,
    /// Whether it takes writes, as far as its role tells.
    pub primary: bool,
    /// Whether it is a node of a cluster.
    pub cluster: bool,
    /// `maxmemory` in bytes; 0: no limit.
    pub memory_max: u64,
    /// `maxmemory-policy`.
    pub policy: String,
    /// What of it survives its restart.
    pub persistence: Persistence,
    /// The time of a round trip.
    pub latency: Duration,
    /// How far its clock is from ours, with an error of half a round trip.
    pub skew: Duration,
}

/// What survives a restart of Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// Everything but the last second: append-only file.
    AppendOnly,
    /// Everything up to the last snapshot.
    Snapshots,
    /// Nothing.
    Off,
    /// No append-only file; whether there are snapshots it does not tell us.
    Unknown,
}

/// Why Redis could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// No connection.
    #[error("no connection: {0}")]
    Connect(String),
    /// It does not let us in.
    #[error("the login is refused: {0}")]
    Login(String),
    /// It did not answer as it should.
    #[error("{0}")]
    Answer(String),
}

impl From<RedisError> for ProbeError {
    fn from(error: RedisError) -> Self {
        let text = one_line(&error);
        match error.code() {
            Some("NOAUTH" | "WRONGPASS") => Self::Login(text),
            _ if error.kind() == redis::ErrorKind::AuthenticationFailed => Self::Login(text),
            _ if error.is_timeout() => Self::Answer("no answer in time".to_owned()),
            _ if error.is_io_error() => Self::Connect(text),
            _ => Self::Answer(text),
        }
    }
}

fn one_line(error: &RedisError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Connects and asks; writes nothing. Takes 5 s to connect at most and 3 s per question.
///
/// # Errors
/// [`ProbeError`] when there is no connection or no sensible answer. What an ACL does not let us see
/// is left out where that is possible.
pub async fn probe(config: &RedisConfig) -> Result<Facts, ProbeError> {
    let client = Client::open(config.connection().clone())?;
    let options = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(DIAL_TIMEOUT))
        .set_response_timeout(Some(COMMAND_TIMEOUT));
    let dial = client.get_multiplexed_async_connection_with_config(&options);
    let mut connection = match tokio::time::timeout(DIAL_TIMEOUT, dial).await {
        Ok(connection) => connection?,
        Err(_) => return Err(ProbeError::Connect("no answer within 5 s".to_owned())),
    };
    let info: String = redis::cmd("INFO").query_async(&mut connection).await?;
    let (latency, skew) = clock(&mut connection).await?;
    let saves = saves(&mut connection).await;
    Ok(read_info(&info, saves, latency, skew))
}

/// The time of a round trip, and how far the clock of Redis is from the middle of it.
async fn clock(connection: &mut MultiplexedConnection) -> RedisResult<(Duration, Duration)> {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let before = now();
    let (seconds, micros): (u64, u32) = redis::cmd("TIME").query_async(connection).await?;
    let after = now();
    let latency = after.saturating_sub(before);
    let theirs = Duration::from_secs(seconds) + Duration::from_micros(micros.into());
    Ok((latency, (before + latency / 2).abs_diff(theirs)))
}

/// Whether snapshots are taken; `None` when Redis does not let us see it, as hosted ones do.
async fn saves(connection: &mut MultiplexedConnection) -> Option<bool> {
    let answer: RedisResult<Vec<String>> =
        redis::cmd("CONFIG").arg("GET").arg("save").query_async(connection).await;
    answer.ok()?.get(1).map(|points| !points.is_empty())
}

fn read_info(info: &str, saves: Option<bool>, latency: Duration, skew: Duration) -> Facts {
    let field = |name: &str| {
        let found = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.unwrap_or_default().trim()
    };
    let compatible = field("redis_version");
    let (product, version) = match (field("server_name"), field("valkey_version")) {
        ("" | "redis", "") => ("Redis", compatible),
        (_, version) if !version.is_empty() => ("Valkey", version),
        (name, _) => (name, compatible),
    };
    Facts {
        product: product.to_owned(),
        version: version.to_owned(),
        compatible: compatible.to_owned(),
        primary: field("role") != "slave",
        cluster: field("cluster_enabled") == "1",
        memory_max: field("maxmemory").parse().unwrap_or_default(),
        policy: field("maxmemory_policy").to_owned(),
        persistence: match (field("aof_enabled"), saves) {
            ("1", _) => Persistence::AppendOnly,
            (_, Some(true)) => Persistence::Snapshots,
            (_, Some(false)) => Persistence::Off,
            (_, None) => Persistence::Unknown,
        },
        latency,
        skew,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(info: &str, saves: Option<bool>) -> Facts {
        read_info(info, saves, Duration::ZERO, Duration::ZERO)
    }

    #[test]
    fn redis_and_valkey_tell_their_versions_apart() {
        let redis = facts("# Server\r\nredis_version:7.0.15\r\nrole:master\r\n", Some(true));
        assert_eq!((redis.product.as_str(), redis.version.as_str()), ("Redis", "7.0.15"));
        assert!(redis.primary && !redis.cluster);
        let valkey = facts(
            "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\nrole:slave\r\ncluster_enabled:1\r\n",
            None,
        );
        assert_eq!((valkey.product.as_str(), valkey.version.as_str()), ("Valkey", "8.1.0"));
        assert_eq!(valkey.compatible, "7.2.4");
        assert!(!valkey.primary && valkey.cluster);
    }

    #[test]
    fn memory_and_persistence_are_read() {
        let info = "maxmemory:1048576\r\nmaxmemory_human:1.00M\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:0\r\n";
        let read = facts(info, Some(false));
        assert_eq!((read.memory_max, read.policy.as_str()), (1 << 20, "allkeys-lru"));
        assert_eq!(read.persistence, Persistence::Off);
        assert_eq!(facts(info, Some(true)).persistence, Persistence::Snapshots);
        assert_eq!(facts(info, None).persistence, Persistence::Unknown);
        assert_eq!(facts("aof_enabled:1", None).persistence, Persistence::AppendOnly);
    }
}
