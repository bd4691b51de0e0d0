//! Where Redis is and how to log in.

use std::fmt;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};

use super::parse::{self, Parsed, number};
use super::secret::{MASK, Secret};
use super::settings::Settings;
use super::{ConfigError, host};

/// Longest `KEY_PREFIX`, in bytes.
const KEY_PREFIX_BYTES_MAX: usize = 64;
/// Highest `REDIS_DB`.
const DATABASE_MAX: i64 = 16_383;
/// What `VALKEY_URL` takes the place of.
const REPLACED_BY_URL: [&str; 5] =
    ["VALKEY_HOST", "VALKEY_PORT", "VALKEY_USERNAME", "VALKEY_PASSWORD", "VALKEY_USE_TLS"];
const URL_ALLOWED: &str = "must be redis://[user:password@]host[:port][/db], \
     rediss://… for TLS, or unix:///path[?db=…&user=…&pass=…]";

/// The connection to Redis or Valkey.
#[derive(Clone)]
pub struct RedisConfig {
    connection: ConnectionInfo,
    /// Connections that the pool may open, 1 to 1024.
    pub pool_size: usize,
    /// What every key begins with; may be empty.
    pub key_prefix: String,
}

impl RedisConfig {
    /// Everything that a client of the redis crate needs. It holds the password: do not print it.
    #[must_use]
    pub fn connection(&self) -> &ConnectionInfo {
        &self.connection
    }

    /// The address as a URL, the password masked.
    #[must_use]
    pub fn shown(&self) -> String {
        shown(&self.connection)
    }

    /// Whether the connection leaves this machine, as far as the address tells.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        match self.connection.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => {
                !host::is_loopback(host)
            }
            _ => false,
        }
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        matches!(self.connection.addr(), ConnectionAddr::TcpTls { .. })
    }

    /// Whether there is a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.connection.redis_settings().password().is_some()
    }

    pub(super) fn read(
        settings: &Settings,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        let database = settings.required("REDIS_DB", number(0..=DATABASE_MAX))?;
        let connection = match settings.optional("VALKEY_URL", parse_url)? {
            Some(url) => {
                for name in REPLACED_BY_URL.iter().filter(|name| settings.is_chosen(name)) {
                    warnings.push(format!("{name} has no effect: VALKEY_URL is set"));
                }
                with_database(settings, url, database)?
            }
            None => from_parts(settings, database)?,
        };
        Ok(Self {
            connection,
            pool_size: settings.required("VALKEY_POOL_SIZE", number(1..=1024))?,
            key_prefix: settings.optional("KEY_PREFIX", key_prefix)?.unwrap_or_default(),
        })
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("connection", &self.shown())
            .field("pool_size", &self.pool_size)
            .field("key_prefix", &self.key_prefix)
            .finish()
    }
}

/// A URL with the database that it names, if it names one.
type Url = (ConnectionInfo, Option<i64>);

fn parse_url(text: &str) -> Parsed<Url> {
    let url = redis::parse_redis_url(text).ok_or(URL_ALLOWED)?;
    let unix = url.scheme().ends_with("unix");
    let tls = matches!(url.scheme(), "rediss" | "valkeys");
    let named = if unix {
        url.query_pairs().any(|(key, _)| key == "db")
    } else {
        !url.path().trim_matches('/').is_empty()
    };
    if tls && !tls_is_built_in() {
        return Err(NO_TLS.to_owned());
    }
    let info = url.into_connection_info().map_err(|_| URL_ALLOWED)?;
    let database = info.redis_settings().db();
    if !(0..=DATABASE_MAX).contains(&database) {
        return Err(format!("the database must be a whole number from 0 to {DATABASE_MAX}"));
    }
    Ok((info, named.then_some(database)))
}

const NO_TLS: &str = "this program was built without TLS";

fn tls_is_built_in() -> bool {
    tls_address(String::new(), 0).is_supported()
}

fn tls_address(host: String, port: u16) -> ConnectionAddr {
    ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
}

fn with_database(
    settings: &Settings,
    (info, named): Url,
    database: i64,
) -> Result<ConnectionInfo, ConfigError> {
    if let Some(named) = named {
        let setting = settings.get("REDIS_DB");
        if setting.is_chosen() && database != named {
            let allowed = format!("must be {named}, the database that VALKEY_URL names");
            return Err(ConfigError::value(setting, allowed));
        }
        return Ok(info);
    }
    let login = info.redis_settings().clone().set_db(database);
    Ok(info.set_redis_settings(login))
}

fn from_parts(settings: &Settings, database: i64) -> Result<ConnectionInfo, ConfigError> {
    let host = settings.required("VALKEY_HOST", host::parse)?;
    let port = settings.required("VALKEY_PORT", |text| {
        number(1..=u16::MAX)(text).map_err(|allowed| {
            // Kubernetes does this to every container beside a service called `valkey`.
            let hint = "; a service link of Kubernetes? Set enableServiceLinks: false";
            allowed + if text.contains("://") { hint } else { "" }
        })
    })?;
    let tls = settings.required("VALKEY_USE_TLS", |text| {
        let tls = parse::boolean(text)?;
        if tls && !tls_is_built_in() { Err(NO_TLS.to_owned()) } else { Ok(tls) }
    })?;
    let address = if tls { tls_address(host, port) } else { ConnectionAddr::Tcp(host, port) };
    let mut login = RedisConnectionInfo::default().set_db(database);
    if let Some(username) = settings.optional("VALKEY_USERNAME", |text| Ok(text.to_owned()))? {
        login = login.set_username(username);
    }
    if let Some(password) = settings.optional("VALKEY_PASSWORD", |text| Ok(Secret::new(text)))? {
        login = login.set_password(password.expose());
    }
    let info = address.into_connection_info().expect("an address alone is always taken");
    Ok(info.set_redis_settings(login))
}

fn key_prefix(text: &str) -> Parsed<String> {
    // Braces are the hash tag of a cluster: in the prefix they would put all keys into one slot.
    let bad = |character: char| {
        character.is_control() || character.is_whitespace() || matches!(character, '{' | '}')
    };
    if text.len() > KEY_PREFIX_BYTES_MAX || text.contains(bad) {
        return Err(format!(
            "must have at most {KEY_PREFIX_BYTES_MAX} bytes, without white space and braces"
        ));
    }
    Ok(text.to_owned())
}

/// A URL of Redis with the password masked; nothing of a text that is no such URL.
#[must_use]
pub fn mask_url(text: &str) -> String {
    text.parse().map_or_else(|_| MASK.to_owned(), |info| shown(&info))
}

fn shown(info: &ConnectionInfo) -> String {
    let (login, address) = (info.redis_settings(), info.addr());
    let user = login.username().unwrap_or_default();
    let password = login.password().map(|_| MASK);
    let scheme = match address {
        ConnectionAddr::Tcp(..) => "redis",
        ConnectionAddr::TcpTls { .. } => "rediss",
        _ => {
            let mut text = format!("unix://{address}?db={}", login.db());
            if !user.is_empty() {
                text += &format!("&user={user}");
            }
            if let Some(password) = password {
                text += &format!("&pass={password}");
            }
            return text;
        }
    };
    let login_text = match password {
        Some(password) => format!("{user}:{password}@"),
        None if user.is_empty() => String::new(),
        // A name without a password is a password in the wrong place more often than not.
        None => format!("{MASK}@"),
    };
    // `Display` of an address writes an IPv6 host without its brackets.
    let host_port = match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            host::with_port(host, *port)
        }
        other => other.to_string(),
    };
    format!("{scheme}://{login_text}{host_port}/{}", login.db())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Inputs;

    fn read(pairs: &[(&str, &str)]) -> Result<(RedisConfig, Vec<String>), String> {
        let environment =
            pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let inputs = Inputs { environment, ..Inputs::default() };
        let mut warnings = Vec::new();
        RedisConfig::read(&Settings::resolve(&inputs), &mut warnings)
            .map(|config| (config, warnings))
            .map_err(|error| error.to_string())
    }

    fn shown_of(pairs: &[(&str, &str)]) -> String {
        read(pairs).unwrap().0.shown()
    }

    #[test]
    fn the_parts_make_an_address() {
        assert_eq!(shown_of(&[]), "redis://localhost:6379/0");
        assert_eq!(
            shown_of(&[
                ("VALKEY_HOST", "::1"),
                ("VALKEY_PORT", "7000"),
                ("VALKEY_USERNAME", "hub"),
                ("VALKEY_PASSWORD", "hunter2"),
                ("REDIS_DB", "3"),
            ]),
            "redis://hub:***@[::1]:7000/3"
        );
    }

    #[test]
    fn the_url_takes_the_place_of_the_parts_and_says_so() {
        let (config, warnings) = read(&[
            ("VALKEY_URL", "redis://ana:hunter2@db.example:7000/2"),
            ("VALKEY_HOST", "other"),
        ])
        .unwrap();
        assert_eq!(config.shown(), "redis://ana:***@db.example:7000/2");
        assert_eq!(config.connection().redis_settings().password(), Some("hunter2"));
        assert_eq!(warnings, ["VALKEY_HOST has no effect: VALKEY_URL is set"]);
    }

    #[test]
    fn a_unix_socket_is_an_address() {
        let url = "unix:///run/valkey.sock?db=2&user=hub&pass=hunter2";
        assert_eq!(
            shown_of(&[("VALKEY_URL", url)]),
            "unix:///run/valkey.sock?db=2&user=hub&pass=***"
        );
        let (config, _) =
            read(&[("VALKEY_URL", "unix:///run/valkey.sock"), ("REDIS_DB", "4")]).unwrap();
        assert_eq!(config.connection().redis_settings().db(), 4);
        assert!(!config.is_remote());
    }

    #[test]
    fn the_database_of_the_url_and_of_its_variable_must_agree() {
        let url = ("VALKEY_URL", "redis://localhost/2");
        assert_eq!(shown_of(&[url, ("REDIS_DB", "2")]), "redis://localhost:6379/2");
        assert_eq!(
            read(&[url, ("REDIS_DB", "3")]).unwrap_err(),
            "REDIS_DB=3 (environment): must be 2, the database that VALKEY_URL names"
        );
        assert_eq!(
            shown_of(&[("VALKEY_URL", "redis://localhost"), ("REDIS_DB", "3")]),
            "redis://localhost:6379/3"
        );
    }

    #[test]
    fn a_wrong_url_is_refused_without_showing_it() {
        for url in ["hunter2", "http://u:hunter2@host", "redis://u:hunter2@host/x", "redis://"] {
            let error = read(&[("VALKEY_URL", url)]).unwrap_err();
            assert!(error.starts_with("VALKEY_URL=*** (environment): must be redis://"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(read(&[("VALKEY_URL", "redis://localhost/16384")]).is_err());
    }

    #[test]
    fn the_link_of_kubernetes_is_recognised() {
        let error = read(&[("VALKEY_PORT", "tcp://10.0.0.1:6379")]).unwrap_err();
        assert!(
            error.contains("from 1 to 65535") && error.contains("enableServiceLinks"),
            "{error}"
        );
    }

    #[test]
    fn a_prefix_has_64_bytes_at_most_and_no_braces() {
        assert_eq!(read(&[("KEY_PREFIX", &"k".repeat(64))]).unwrap().0.key_prefix.len(), 64);
        for prefix in ["k".repeat(65), "a b".into(), "{a}".into(), "a\tb".into()] {
            assert!(read(&[("KEY_PREFIX", &prefix)]).is_err(), "{prefix}");
        }
    }

    #[test]
    fn tls_is_taken_only_where_it_is_built_in() {
        let result = read(&[("VALKEY_USE_TLS", "true")]);
        let url = read(&[("VALKEY_URL", "rediss://localhost")]);
        if tls_is_built_in() {
            assert!(result.unwrap().0.is_encrypted() && url.unwrap().0.is_encrypted());
        } else {
            assert!(result.unwrap_err().contains("built without TLS"));
            assert!(url.unwrap_err().contains("built without TLS"));
        }
    }

    #[test]
    fn nothing_writes_the_password() {
        let (config, _) = read(&[("VALKEY_URL", "redis://:hunter2@host")]).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        assert_eq!(config.shown(), "redis://:***@host:6379/0");
    }

    #[test]
    fn a_connection_is_remote_unless_its_host_is_this_machine() {
        for host in ["localhost", "127.0.0.1", "::1"] {
            assert!(!read(&[("VALKEY_HOST", host)]).unwrap().0.is_remote(), "{host}");
        }
        for host in ["redis", "10.0.0.1"] {
            assert!(read(&[("VALKEY_HOST", host)]).unwrap().0.is_remote(), "{host}");
        }
    }
}
