//! Whether Redis will keep what it is given.

use std::time::Duration;

use super::Finding;
use crate::cli::probe::{Facts, Persistence, ProbeError};
use crate::config::{Loaded, size_text};

/// The oldest version that has all commands.
const MAJOR_VERSION_MIN: u32 = 7;
/// A difference of the clocks that people begin to see in the times of messages.
const SKEW_WARN: Duration = Duration::from_secs(1);
/// A difference that puts journalled messages at the wrong place of the history.
const SKEW_FAIL: Duration = Duration::from_secs(30);
/// A round trip that is felt in every message.
const LATENCY_WARN: Duration = Duration::from_millis(50);

pub(super) fn findings(loaded: &Loaded, found: &Result<Facts, ProbeError>) -> Vec<Finding> {
    match found {
        Err(error) => vec![unreachable(loaded, error)],
        Ok(facts) => {
            let address = loaded.config.redis.shown();
            vec![
                version(facts, &address),
                role(facts),
                latency(facts),
                eviction(facts),
                persistence(facts),
                clock(facts),
            ]
        }
    }
}

fn unreachable(loaded: &Loaded, error: &ProbeError) -> Finding {
    const CHECK: &str = "Redis";
    let found = format!("{}: {error}", loaded.config.redis.shown());
    let remedy = match error {
        ProbeError::Connect(_) => {
            "start it, correct VALKEY_HOST or VALKEY_URL, or set STORAGE_BACKEND=memory"
        }
        ProbeError::Login(_) => "correct VALKEY_USERNAME and VALKEY_PASSWORD, or VALKEY_URL",
        ProbeError::Answer(_) => "see its log, and what its ACL allows: INFO and TIME are needed",
    };
    if loaded.needs_redis() {
        Finding::fail(CHECK, found, remedy)
    } else {
        Finding::warn(CHECK, found, remedy)
    }
}

fn version(facts: &Facts, address: &str) -> Finding {
    const CHECK: &str = "Redis version";
    let major = facts.compatible.split('.').next().and_then(|major| major.parse::<u32>().ok());
    let found = format!("{} {} at {address}", facts.product, facts.version);
    match major {
        Some(major) if major >= MAJOR_VERSION_MIN => Finding::ok(CHECK, found),
        Some(_) => Finding::fail(CHECK, found, "upgrade to Redis 7 or Valkey 7.2, or later"),
        None => Finding::warn(CHECK, found, "use Redis 7 or Valkey 7.2, or later"),
    }
}

fn role(facts: &Facts) -> Finding {
    const CHECK: &str = "Redis role";
    if facts.cluster {
        let found = "a node of a cluster, which this version does not follow";
        return Finding::fail(CHECK, found, "connect to a single server");
    }
    if facts.primary {
        Finding::ok(CHECK, "takes writes")
    } else {
        Finding::fail(CHECK, "a replica, which takes no writes", "connect to the primary")
    }
}

fn latency(facts: &Facts) -> Finding {
    const CHECK: &str = "Redis latency";
    let found = format!("{:.1} ms for a round trip", facts.latency.as_secs_f64() * 1000.0);
    if facts.latency < LATENCY_WARN {
        Finding::ok(CHECK, found)
    } else {
        Finding::warn(CHECK, found, "run it nearer: every message waits for it")
    }
}

fn eviction(facts: &Facts) -> Finding {
    const CHECK: &str = "Redis eviction";
    let limit = match facts.memory_max {
        0 => "no maxmemory".to_owned(),
        bytes => format!("maxmemory {}", size_text(bytes)),
    };
    let found = format!("maxmemory-policy {}, {limit}", facts.policy);
    // Every key of ours has an expiry, so the volatile policies evict them as well.
    let remedy = "`CONFIG SET maxmemory-policy noeviction` and in its configuration file; \
                  what it evicts is history that was acknowledged";
    match (facts.policy.as_str(), facts.memory_max) {
        ("noeviction", _) => Finding::ok(CHECK, found),
        ("", _) => Finding::warn(CHECK, "the policy is not told", remedy),
        (_, 0) => Finding::warn(CHECK, found, remedy),
        (_, _) => Finding::fail(CHECK, found, remedy),
    }
}

fn persistence(facts: &Facts) -> Finding {
    const CHECK: &str = "Redis persistence";
    let remedy = "`CONFIG SET appendonly yes` and in its configuration file";
    match facts.persistence {
        Persistence::AppendOnly => Finding::ok(CHECK, "append-only file"),
        Persistence::Snapshots => {
            let found = "only snapshots: its crash loses the messages since the last one";
            Finding::warn(CHECK, found, remedy)
        }
        Persistence::Off => Finding::warn(CHECK, "off: its restart loses all history", remedy),
        Persistence::Unknown => {
            let found = "no append-only file; whether it takes snapshots is not told";
            Finding::warn(CHECK, found, remedy)
        }
    }
}

fn clock(facts: &Facts) -> Finding {
    const CHECK: &str = "clock";
    let found = format!(
        "{:.3} s from the clock of Redis (± {:.3} s)",
        facts.skew.as_secs_f64(),
        facts.latency.as_secs_f64() / 2.0
    );
    // What the round trip may have added is no difference.
    let skew = facts.skew.saturating_sub(facts.latency / 2);
    let remedy = "run NTP (chrony, systemd-timesyncd) on both machines";
    if skew >= SKEW_FAIL {
        Finding::fail(CHECK, found, remedy)
    } else if skew >= SKEW_WARN {
        Finding::warn(CHECK, found, remedy)
    } else {
        Finding::ok(CHECK, found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Verdict, loaded};
    use super::*;

    fn facts() -> Facts {
        Facts {
            product: "Redis".to_owned(),
            version: "7.0.15".to_owned(),
            compatible: "7.0.15".to_owned(),
            primary: true,
            cluster: false,
            memory_max: 0,
            policy: "noeviction".to_owned(),
            persistence: Persistence::AppendOnly,
            latency: Duration::from_millis(1),
            skew: Duration::from_millis(1),
        }
    }

    #[test]
    fn a_redis_as_it_should_be_passes_every_check() {
        let findings = findings(&loaded(&[]), &Ok(facts()));
        assert_eq!(findings.len(), 6);
        assert!(findings.iter().all(|finding| finding.verdict == Verdict::Ok), "{findings:?}");
    }

    #[test]
    fn version_7_is_the_oldest() {
        for (compatible, verdict) in [
            ("7.0.0", Verdict::Ok),
            ("10.1.0", Verdict::Ok),
            ("6.2.14", Verdict::Fail),
            ("", Verdict::Warn),
        ] {
            let facts = Facts { compatible: compatible.to_owned(), ..facts() };
            assert_eq!(version(&facts, "").verdict, verdict, "{compatible}");
        }
    }

    #[test]
    fn replicas_and_clusters_are_refused() {
        assert_eq!(role(&Facts { primary: false, ..facts() }).verdict, Verdict::Fail);
        assert_eq!(role(&Facts { cluster: true, ..facts() }).verdict, Verdict::Fail);
    }

    #[test]
    fn a_policy_that_evicts_is_a_failure_once_there_is_a_limit() {
        for (policy, memory_max, verdict) in [
            ("noeviction", 1 << 30, Verdict::Ok),
            ("allkeys-lru", 0, Verdict::Warn),
            ("allkeys-lru", 1, Verdict::Fail),
            ("volatile-ttl", 1 << 30, Verdict::Fail),
            ("", 1, Verdict::Warn),
        ] {
            let facts = Facts { policy: policy.to_owned(), memory_max, ..facts() };
            assert_eq!(eviction(&facts).verdict, verdict, "{policy}");
        }
    }

    #[test]
    fn without_an_append_only_file_there_is_a_warning() {
        for kept in [Persistence::Snapshots, Persistence::Off, Persistence::Unknown] {
            let finding = persistence(&Facts { persistence: kept, ..facts() });
            assert_eq!(finding.verdict, Verdict::Warn, "{kept:?}");
            assert!(finding.remedy.contains("appendonly yes"));
        }
    }

    #[test]
    fn clocks_may_differ_by_a_second() {
        let at = |millis: u64, latency: u64| {
            let (skew, latency) = (Duration::from_millis(millis), Duration::from_millis(latency));
            clock(&Facts { skew, latency, ..facts() }).verdict
        };
        assert_eq!(at(999, 0), Verdict::Ok);
        assert_eq!(at(1000, 0), Verdict::Warn);
        assert_eq!(at(1000, 2), Verdict::Ok);
        assert_eq!(at(29_999, 0), Verdict::Warn);
        assert_eq!(at(30_000, 0), Verdict::Fail);
    }

    #[test]
    fn a_round_trip_takes_less_than_50_milliseconds() {
        let at = |millis| latency(&Facts { latency: Duration::from_millis(millis), ..facts() });
        assert_eq!((at(49).verdict, at(50).verdict), (Verdict::Ok, Verdict::Warn));
    }

    #[test]
    fn a_missing_redis_is_a_failure_where_it_is_counted_on() {
        let error = Err(ProbeError::Connect("refused".to_owned()));
        let verdict = |pairs: &[(&str, &str)]| findings(&loaded(pairs), &error)[0].verdict;
        assert_eq!(verdict(&[]), Verdict::Warn);
        assert_eq!(verdict(&[("STORAGE_BACKEND", "redis")]), Verdict::Fail);
        assert_eq!(verdict(&[("VALKEY_URL", "redis://db.example")]), Verdict::Fail);
    }
}
