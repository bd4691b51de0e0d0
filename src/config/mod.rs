//! What the operator decides: every variable, read once, checked and typed.
//!
//! It knows where values come from and what is allowed; it refuses to know who uses them.

mod dotenv;
mod error;
mod forwarded;
mod host;
mod origins;
mod parse;
mod proxies;
mod read;
mod redis;
mod secret;
mod settings;
mod typos;
mod variables;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::ConfigError;
pub use origins::{Origin, Origins};
pub use parse::size_text;
pub use proxies::{TrustedProxies, client_address};
pub use redis::RedisConfig;
pub use secret::{MASK, Secret};
pub use settings::{Inputs, Setting, Settings, Source, Texts};
pub use variables::{Group, Shown, VARIABLES, Variable};

use crate::protocol::Limits;
use crate::store::Retention;

/// What stands for "no limit" where a bound is a number: it is never reached, and any client can
/// hold it in a number.
pub const UNLIMITED: usize = u32::MAX as usize;

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name or address to listen on, an IPv6 address without brackets (`HOST`).
    pub host: String,
    /// Port to listen on; 0 takes any free one (`PORT`).
    pub port: u16,
    /// Worker threads, 1 to 1024 (`WORKERS`).
    pub workers: usize,
    /// Where messages are kept (`STORAGE_BACKEND`).
    pub storage: Storage,
    /// The connection to Redis.
    pub redis: RedisConfig,
    /// How long and how much of a conversation is kept.
    pub retention: Retention,
    /// What is kept for Redis while it is away.
    pub journal: Journal,
    /// Bytes of the memory store (`MEMORY_STORE_MAX_BYTES`).
    pub memory_bytes_max: u64,
    /// Which pages may connect.
    pub origins: Origins,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: TrustedProxies,
    /// Connections to this node, [`UNLIMITED`] for no limit (`MAX_CONNECTIONS`).
    pub connections_max: usize,
    /// Connections from one address, [`UNLIMITED`] for no limit (`MAX_CONNECTIONS_PER_IP`).
    pub connections_per_address_max: usize,
    /// The bounds of one session.
    pub limits: Limits,
    /// Bytes that may wait for one session, [`UNLIMITED`] for no limit (`SESSION_QUEUE_BYTES`).
    pub queue_bytes_max: usize,
    /// Longer than the ping interval (`PONG_TIMEOUT_SECS`).
    pub pong_timeout: Duration,
    /// How long a socket may take nothing of what waits for it (`WRITE_TIMEOUT_SECS`).
    pub write_timeout: Duration,
    /// Over how long clients are spread when the hub stops; may be zero (`DRAIN_SECS`).
    pub drain: Duration,
    /// What is logged and how.
    pub log: Log,
}

/// Where messages are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// In Redis when it answers, otherwise degraded until it does.
    Auto,
    /// In Redis; without it the hub does not start.
    Redis,
    /// In the memory of the process; Redis is never asked.
    Memory,
}

/// What is kept for Redis while it is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// Bytes that it may hold (`JOURNAL_MAX_BYTES`).
    pub bytes_max: u64,
    /// Where its file is; in memory without (`JOURNAL_DIR`).
    pub directory: Option<PathBuf>,
}

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The filter, as `env_logger` reads it (`RUST_LOG`).
    pub filter: String,
    /// How a line looks (`LOG_FORMAT`).
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A configuration and how it came about.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What holds.
    pub config: Config,
    /// The value of each variable with its source.
    pub settings: Settings,
    /// What is allowed but hardly meant; to be logged once at the start.
    pub warnings: Vec<String>,
}

impl Loaded {
    /// Whether the operator counts on Redis: it is demanded, or something was said of it.
    #[must_use]
    pub fn needs_redis(&self) -> bool {
        let named = [
            "VALKEY_URL",
            "VALKEY_HOST",
            "VALKEY_PORT",
            "VALKEY_USERNAME",
            "VALKEY_PASSWORD",
            "VALKEY_USE_TLS",
            "REDIS_DB",
            "KEY_PREFIX",
            "JOURNAL_DIR",
        ];
        match self.config.storage {
            Storage::Redis => true,
            Storage::Auto => named.iter().any(|name| self.settings.is_said(name)),
            Storage::Memory => false,
        }
    }
}

impl Config {
    /// The address to listen on, as `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        host::with_port(&self.host, self.port)
    }

    /// Whether only this machine can reach the hub.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        host::is_loopback(&self.host)
    }
}

/// Reads the environment and the file `.env` of `directory`; `flags` come from the command line.
///
/// # Errors
/// [`ConfigError`], one line, for the first thing that is wrong.
pub fn load(flags: Texts, directory: &Path) -> Result<Loaded, ConfigError> {
    let file = dotenv::read(&directory.join(".env"))?;
    understand(&Inputs { flags, environment: environment()?, file })
}

/// The variables of the environment that matter here.
fn environment() -> Result<Texts, ConfigError> {
    let mut texts = Texts::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => drop(texts.insert(name, value)),
            Err(_) if Variable::find(&name).is_some() => return Err(ConfigError::NotUnicode(name)),
            Err(_) => {}
        }
    }
    Ok(texts)
}

/// Makes a configuration of what was said.
///
/// # Errors
/// [`ConfigError`] for the first value that is not allowed.
pub fn understand(inputs: &Inputs) -> Result<Loaded, ConfigError> {
    let settings = Settings::resolve(inputs);
    let mut warnings = typos::warnings(inputs);
    let config = read::read(&settings, &mut warnings)?;
    Ok(Loaded { config, settings, warnings })
}

#[cfg(test)]
mod tests;
