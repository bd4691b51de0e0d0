//! Every bound of every variable, at n and at n + 1.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn inputs(pairs: &[(&str, &str)]) -> Inputs {
    let environment =
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Inputs { environment, ..Inputs::default() }
}

fn load_from(pairs: &[(&str, &str)]) -> Loaded {
    understand(&inputs(pairs)).unwrap()
}

fn error(pairs: &[(&str, &str)]) -> String {
    understand(&inputs(pairs)).unwrap_err().to_string()
}

#[test]
fn the_defaults_are_those_of_the_document() {
    let Loaded { config, warnings, .. } = load_from(&[]);
    assert_eq!(config.address(), "127.0.0.1:8085");
    assert!(config.workers >= 1);
    assert_eq!(config.storage, Storage::Auto);
    assert_eq!(config.redis.shown(), "redis://localhost:6379/0");
    assert_eq!((config.redis.pool_size, config.redis.key_prefix.as_str()), (10, ""));
    assert_eq!(config.retention, Retention::default());
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.queue_bytes_max, 1 << 20);
    assert_eq!((config.connections_max, config.connections_per_address_max), (100_000, UNLIMITED));
    assert_eq!(config.pong_timeout, Duration::from_secs(60));
    assert_eq!(config.write_timeout, Duration::from_secs(10));
    assert_eq!(config.drain, Duration::from_secs(10));
    assert_eq!(config.journal, Journal { bytes_max: 64 << 20, directory: None });
    assert_eq!(config.memory_bytes_max, 256 << 20);
    assert!(!config.origins.is_listed() && config.trusted_proxies.is_empty());
    assert_eq!(config.log, Log { filter: "info".to_owned(), format: LogFormat::Text });
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn each_variable_holds_at_its_bounds() {
    // The name, the lowest and the highest that are taken, and what is refused.
    for (name, taken, refused) in [
        ("PORT", ["0", "65535"], ["-1", "65536"]),
        ("WORKERS", ["1", "1024"], ["0", "1025"]),
        ("STORAGE_BACKEND", ["redis", "memory"], ["none", "postgres"]),
        ("VALKEY_PORT", ["1", "65535"], ["0", "65536"]),
        ("VALKEY_USE_TLS", ["false", "no"], ["2", "maybe"]),
        ("VALKEY_POOL_SIZE", ["1", "1024"], ["0", "1025"]),
        ("REDIS_DB", ["0", "16383"], ["-1", "16384"]),
        ("MESSAGE_TTL_HOURS", ["0.001", "87600"], ["0", "87600.1"]),
        ("HISTORY_MAX_MESSAGES", ["1", "1000000"], ["0", "1000001"]),
        ("JOURNAL_MAX_BYTES", ["1 KiB", "1 TiB"], ["1023", "1099511627777"]),
        ("MEMORY_STORE_MAX_BYTES", ["1 KiB", "1 TiB"], ["1023", "1099511627777"]),
        ("ALLOWED_ORIGINS", ["*", "https://a.example"], ["a.example", "https://a/b"]),
        ("ALLOW_MISSING_ORIGIN", ["true", "false"], ["2", "maybe"]),
        ("TRUSTED_PROXIES", ["::1", "10.0.0.0/8"], ["10.0.0.0/33", "proxy"]),
        ("MAX_CONNECTIONS", ["0", "10000000"], ["-1", "10000001"]),
        ("MAX_CONNECTIONS_PER_IP", ["0", "10000000"], ["-1", "10000001"]),
        ("MAX_ROOMS_PER_SESSION", ["0", "1000000"], ["-1", "1000001"]),
        ("MAX_FRAME_BYTES", ["1 KiB", "1 GiB"], ["1023", "1073741825"]),
        ("SESSION_QUEUE_BYTES", ["1 KiB", "1 GiB"], ["1023", "1073741825"]),
        ("RATE_FRAMES_PER_SEC", ["0", "1000000"], ["-1", "1000001"]),
        ("RATE_BURST", ["1", "1000000"], ["0", "1000001"]),
        ("PING_INTERVAL_SECS", ["0.1", "59.9"], ["0.09", "3600.1"]),
        ("PONG_TIMEOUT_SECS", ["25.001", "3600"], ["25", "3600.1"]),
        ("WRITE_TIMEOUT_SECS", ["0.1", "3600"], ["0.09", "3600.1"]),
        ("DRAIN_SECS", ["0", "3600"], ["-1", "3600.1"]),
        ("RUST_LOG", ["debug", "info,aleatoria::hub=trace/re"], ["a=loud", "info,a="]),
        ("LOG_FORMAT", ["text", "json"], ["xml", "yaml"]),
        ("HOST", ["0.0.0.0", "[::1]"], ["a:80", "http://a"]),
        ("VALKEY_HOST", ["valkey", "::1"], ["a:80", "redis://a"]),
    ] {
        for text in taken {
            let result = understand(&inputs(&[(name, text)]));
            assert!(result.is_ok(), "{name}={text}: {}", result.unwrap_err());
        }
        for text in refused {
            let error = error(&[(name, text)]);
            let begin = format!("{name}={text} (environment): must ");
            assert!(error.starts_with(&begin) && !error.contains('\n'), "{error}");
        }
    }
}

#[test]
fn values_arrive_where_they_belong() {
    let Config { limits, retention, journal, .. } = load_from(&[
        ("MAX_FRAME_BYTES", "2 MiB"),
        ("SESSION_QUEUE_BYTES", "4 MiB"),
        ("MAX_ROOMS_PER_SESSION", "3"),
        ("RATE_FRAMES_PER_SEC", "4"),
        ("RATE_BURST", "5"),
        ("PING_INTERVAL_SECS", "6"),
        ("MESSAGE_TTL_HOURS", "7"),
        ("HISTORY_MAX_MESSAGES", "8"),
        ("JOURNAL_DIR", "/var/lib/aleatoria"),
    ])
    .config;
    assert_eq!(
        limits,
        Limits {
            frame_bytes_max: 2 << 20,
            page_bytes_max: 2 << 20,
            rooms_max: 3,
            frames_per_second: 4,
            frames_burst: 5,
            ping_interval: Duration::from_secs(6),
        }
    );
    assert_eq!(retention, Retention { age: 7 * HOUR, count: 8 });
    assert_eq!(journal.directory, Some(PathBuf::from("/var/lib/aleatoria")));
}

#[test]
fn zero_means_no_limit() {
    let config = load_from(&[
        ("MAX_CONNECTIONS", "0"),
        ("MAX_ROOMS_PER_SESSION", "0"),
        ("MAX_FRAME_BYTES", "0"),
        ("SESSION_QUEUE_BYTES", "0"),
    ])
    .config;
    let bounds = [config.connections_max, config.limits.rooms_max];
    assert_eq!(bounds, [UNLIMITED; 2]);
    assert_eq!([config.limits.frame_bytes_max, config.queue_bytes_max], [UNLIMITED; 2]);
}

#[test]
fn the_pong_timeout_is_longer_than_the_ping_interval() {
    let pairs = [("PING_INTERVAL_SECS", "30"), ("PONG_TIMEOUT_SECS", "30")];
    assert_eq!(
        error(&pairs),
        "PONG_TIMEOUT_SECS=30 (environment): must be more than PING_INTERVAL_SECS=30"
    );
    assert_eq!(
        error(&[("PING_INTERVAL_SECS", "60")]),
        "PONG_TIMEOUT_SECS=60 (default): must be more than PING_INTERVAL_SECS=60"
    );
}

#[test]
fn what_is_hardly_meant_is_a_warning() {
    let loaded = load_from(&[("SESSION_QUEUE_BYTES", "64 KiB"), ("ALLOW_MISSING_ORIGIN", "true")]);
    assert_eq!(loaded.warnings.len(), 2, "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].starts_with("SESSION_QUEUE_BYTES=64 KiB is less than"));
    assert!(loaded.warnings[1].starts_with("ALLOW_MISSING_ORIGIN has no effect"));
}

#[test]
fn every_variable_of_the_table_is_read() {
    // One that nobody reads would be taken with any value.
    let free = ["VALKEY_USERNAME", "VALKEY_PASSWORD", "JOURNAL_DIR"];
    for variable in VARIABLES.iter().filter(|variable| !free.contains(&variable.name)) {
        let bad = "{ not allowed }=?";
        assert!(error(&[(variable.name, bad)]).starts_with(variable.name), "{}", variable.name);
    }
    let config = load_from(&[("VALKEY_USERNAME", "hub"), ("VALKEY_PASSWORD", "p")]).config;
    assert_eq!(config.redis.shown(), "redis://hub:***@localhost:6379/0");
}

#[test]
fn the_file_is_read_from_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(".env"), "HISTORY_MAX_MESSAGES=77\n").unwrap();
    let loaded = load(Texts::new(), directory.path()).unwrap();
    assert_eq!(loaded.config.retention.count, 77);
    assert_eq!(loaded.settings.get("HISTORY_MAX_MESSAGES").source, Source::File);
}

#[test]
fn only_loopback_addresses_are_loopback() {
    assert!(load_from(&[]).config.is_loopback());
    assert!(!load_from(&[("HOST", "0.0.0.0")]).config.is_loopback());
    assert_eq!(load_from(&[("HOST", "[::]")]).config.address(), "[::]:8085");
}
