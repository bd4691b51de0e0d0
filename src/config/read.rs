//! From the settings to the configuration: the bounds of each variable, and what two of them must
//! agree on.

use std::path::PathBuf;
use std::time::Duration;

use super::parse::{Parsed, boolean, bytes, choice, list, number, time};
use super::settings::Settings;
use super::{
    Config, ConfigError, Journal, Log, LogFormat, Origins, RedisConfig, Storage, TrustedProxies,
    UNLIMITED, host,
};
use crate::hub::SessionId;
use crate::protocol::Limits;
use crate::store::Retention;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// Reads all variables; the first value that is not allowed is the error.
pub(super) fn read(settings: &Settings, warnings: &mut Vec<String>) -> Result<Config, ConfigError> {
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
    let host = settings.required("HOST", host::parse)?;
    check_login(settings, &host, warnings)?;
    Ok(Config {
        host,
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
        // Half of the queue, for live traffic goes on while a page is taken.
        page_bytes_max: unlimited_bytes(settings, "SESSION_QUEUE_BYTES")? / 2,
        rooms_max: unlimited_number(settings, "MAX_ROOMS_PER_SESSION", 1_000_000)?,
        frames_per_second: settings.required("RATE_FRAMES_PER_SEC", number(0..=1_000_000))?,
        frames_burst: settings.required("RATE_BURST", number(1..=1_000_000))?,
        ping_interval: settings.required("PING_INTERVAL_SECS", seconds)?,
    })
}

/// Checks that nobody counts on a login that is not there.
fn check_login(
    settings: &Settings,
    host: &str,
    warnings: &mut Vec<String>,
) -> Result<(), ConfigError> {
    settings.required("AUTH_MODE", choice(&[("none", ())]))?;
    if !host::is_loopback(host) {
        warnings.push(format!(
            "HOST={host} with AUTH_MODE=none: whoever reaches the port can be any user"
        ));
    }
    Ok(())
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
fn seconds(text: &str) -> Parsed<Duration> {
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
fn log_filter(text: &str) -> Parsed<String> {
    let directives = text.split('/').next().unwrap_or_default();
    for directive in list(directives) {
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
