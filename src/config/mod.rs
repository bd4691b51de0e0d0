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

use crate::hub::SessionId;
use crate::protocol::Limits;
use crate::store::Retention;
use parse::{boolean, bytes, choice, number, time};

/// What stands for "no limit" where a bound is a number: it is never reached, and any client can
/// hold it in a number.
pub const UNLIMITED: usize = u32::MAX as usize;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name or address to listen on, an IPv6 address without brackets (`HOST`).
    pub host: String,
    /// Port to listen on; 0 takes any free one (`PORT`).
    pub port: u16,
    /// Worker threads, 1 to [`SessionId::WORKERS_MAX`] (`WORKERS`).
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
    let config = read(&settings, &mut warnings)?;
    Ok(Loaded { config, settings, warnings })
}

fn read(settings: &Settings, warnings: &mut Vec<String>) -> Result<Config, ConfigError> {
    let limits = read_limits(settings)?;
    let queue_bytes_max = unlimited_bytes(settings, "SESSION_QUEUE_BYTES")?;
    if queue_bytes_max < limits.frame_bytes_max {
        warnings.push(format!(
            "SESSION_QUEUE_BYTES={} is less than MAX_FRAME_BYTES={}: the longest messages close those who get them",
            settings.get("SESSION_QUEUE_BYTES").shown(),
            settings.get("MAX_FRAME_BYTES").shown(),
        ));
    }
    let pong_timeout = settings.required("PONG_TIMEOUT_SECS", seconds)?;
    if pong_timeout <= limits.ping_interval {
        let interval = settings.get("PING_INTERVAL_SECS").shown();
        return Err(ConfigError::value(
            settings.get("PONG_TIMEOUT_SECS"),
            format!("must be more than PING_INTERVAL_SECS={interval}"),
        ));
    }
    Ok(Config {
        host: settings.required("HOST", host::parse)?,
        port: settings.required("PORT", number(0..=u16::MAX))?,
        workers: workers(settings)?,
        storage: settings.required(
            "STORAGE_BACKEND",
            choice(&[
                ("auto", Storage::Auto),
                ("redis", Storage::Redis),
                ("memory", Storage::Memory),
            ]),
        )?,
        redis: RedisConfig::read(settings, warnings)?,
        retention: Retention {
            age: settings
                .required("MESSAGE_TTL_HOURS", time(("hours", HOUR), SECOND..=HOUR * 87_600))?,
            count: settings.required("HISTORY_MAX_MESSAGES", number(1..=1_000_000))?,
        },
        journal: Journal {
            bytes_max: settings.required("JOURNAL_MAX_BYTES", bytes(KIB..=TIB, false))?,
            directory: settings.optional("JOURNAL_DIR", |text| Ok(PathBuf::from(text)))?,
        },
        memory_bytes_max: settings.required("MEMORY_STORE_MAX_BYTES", bytes(KIB..=TIB, false))?,
        origins: read_origins(settings, warnings)?,
        trusted_proxies: settings
            .optional("TRUSTED_PROXIES", TrustedProxies::parse)?
            .unwrap_or_default(),
        connections_max: unlimited_number(settings, "MAX_CONNECTIONS", 10_000_000)?,
        connections_per_address_max: unlimited_number(
            settings,
            "MAX_CONNECTIONS_PER_IP",
            10_000_000,
        )?,
        limits,
        queue_bytes_max,
        pong_timeout,
        write_timeout: settings.required("WRITE_TIMEOUT_SECS", seconds)?,
        drain: settings.required("DRAIN_SECS", time(("seconds", SECOND), Duration::ZERO..=HOUR))?,
        log: Log {
            filter: settings.required("RUST_LOG", log_filter)?,
            format: settings.required(
                "LOG_FORMAT",
                choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]),
            )?,
        },
    })
}

fn read_limits(settings: &Settings) -> Result<Limits, ConfigError> {
    Ok(Limits {
        frame_bytes_max: unlimited_bytes(settings, "MAX_FRAME_BYTES")?,
        rooms_max: unlimited_number(settings, "MAX_ROOMS_PER_SESSION", 1_000_000)?,
        frames_per_second: settings.required("RATE_FRAMES_PER_SEC", number(0..=1_000_000))?,
        frames_burst: settings.required("RATE_BURST", number(1..=1_000_000))?,
        ping_interval: settings.required("PING_INTERVAL_SECS", seconds)?,
    })
}

fn read_origins(settings: &Settings, warnings: &mut Vec<String>) -> Result<Origins, ConfigError> {
    let missing = settings.required("ALLOW_MISSING_ORIGIN", boolean)?;
    let origins = settings.optional("ALLOWED_ORIGINS", |text| Origins::listed(text, missing))?;
    if origins.is_none() && settings.is_chosen("ALLOW_MISSING_ORIGIN") {
        warnings.push("ALLOW_MISSING_ORIGIN has no effect: ALLOWED_ORIGINS is not set".to_owned());
    }
    Ok(origins.unwrap_or_default())
}

fn workers(settings: &Settings) -> Result<usize, ConfigError> {
    let chosen = settings.optional("WORKERS", number(1..=SessionId::WORKERS_MAX))?;
    Ok(chosen.unwrap_or_else(|| {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        cores.min(SessionId::WORKERS_MAX)
    }))
}

/// Seconds that must pass, from a tenth to an hour.
fn seconds(text: &str) -> parse::Parsed<Duration> {
    time(("seconds", SECOND), Duration::from_millis(100)..=HOUR)(text)
}

/// A number where 0 stands for [`UNLIMITED`].
fn unlimited_number(
    settings: &Settings,
    name: &'static str,
    max: usize,
) -> Result<usize, ConfigError> {
    settings.required(name, number(0..=max)).map(or_unlimited)
}

/// A size where 0 stands for [`UNLIMITED`].
fn unlimited_bytes(settings: &Settings, name: &'static str) -> Result<usize, ConfigError> {
    let size = settings.required(name, bytes(KIB..=GIB, true))?;
    Ok(or_unlimited(usize::try_from(size).expect("1 GiB fits into a usize")))
}

fn or_unlimited(bound: usize) -> usize {
    if bound == 0 { UNLIMITED } else { bound }
}

/// Passed on as it is once its levels are known: `env_logger` drops what it cannot read.
fn log_filter(text: &str) -> parse::Parsed<String> {
    let directives = text.split('/').next().unwrap_or_default();
    for directive in parse::list(directives) {
        if let Some((_, level)) = directive.split_once('=')
            && level.parse::<log::LevelFilter>().is_err()
        {
            return Err("must be a comma separated list of level or module=level, \
                        with level one of error, warn, info, debug, trace, off"
                .to_owned());
        }
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
