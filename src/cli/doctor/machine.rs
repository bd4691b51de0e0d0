//! What the machine allows: files, backlog, memory, the journal's directory.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use super::Finding;
use crate::config::{Config, Loaded, UNLIMITED, size_text};

/// Files that the hub needs beside sockets and Redis: listener, log, journal, timers.
const FILES_BESIDE: u64 = 64;
/// Files per worker thread: its poller, waker and signal pipe.
const FILES_PER_WORKER: u64 = 4;
/// Pending connections that a storm of reconnecting clients should find room for.
const BACKLOG_MIN: u64 = 1024;

pub(super) fn findings(loaded: &Loaded) -> Vec<Finding> {
    let config = &loaded.config;
    let mut findings = vec![
        open_files(config, open_files_limit(), loaded.settings.is_chosen("MAX_CONNECTIONS")),
        backlog(number_in("/proc/sys/net/core/somaxconn")),
        memory(config, memory_available()),
        bounds(config),
    ];
    if let Some(directory) = &config.journal.directory {
        findings.push(journal(directory));
    }
    findings
}

/// `promised`: the operator chose the number of connections; then failing it is a failure.
fn open_files(config: &Config, limit: Option<u64>, promised: bool) -> Finding {
    const CHECK: &str = "open files";
    let Some(limit) = limit else {
        let remedy = "see that `ulimit -n` is above MAX_CONNECTIONS";
        return Finding::warn(CHECK, "the limit could not be read", remedy);
    };
    if config.connections_max == UNLIMITED {
        let found = format!("the limit is {limit} and MAX_CONNECTIONS is not bounded");
        return Finding::warn(CHECK, found, format!("set MAX_CONNECTIONS below {limit}"));
    }
    let needed = config.connections_max as u64
        + config.workers as u64 * FILES_PER_WORKER
        + config.redis.pool_size as u64
        + FILES_BESIDE;
    let found = format!("the limit is {limit}, {needed} are needed");
    if limit >= needed {
        return Finding::ok(CHECK, found);
    }
    let remedy = format!("`ulimit -n {needed}` (systemd: LimitNOFILE), or lower MAX_CONNECTIONS");
    if promised { Finding::fail(CHECK, found, remedy) } else { Finding::warn(CHECK, found, remedy) }
}

fn backlog(somaxconn: Option<u64>) -> Finding {
    const CHECK: &str = "listen backlog";
    match somaxconn {
        Some(length) if length >= BACKLOG_MIN => {
            Finding::ok(CHECK, format!("up to {length} connections may wait"))
        }
        Some(length) => Finding::warn(
            CHECK,
            format!("only {length} connections may wait to be accepted"),
            "`sysctl -w net.core.somaxconn=4096`",
        ),
        None => Finding::warn(
            CHECK,
            "could not be read",
            "see that the system lets 1024 connections or more wait to be accepted",
        ),
    }
}

fn memory(config: &Config, available: Option<u64>) -> Finding {
    const CHECK: &str = "memory";
    let journal = if config.journal.directory.is_some() { 0 } else { config.journal.bytes_max };
    let needed = config.memory_bytes_max.saturating_add(journal);
    let names = if journal == 0 {
        "MEMORY_STORE_MAX_BYTES"
    } else {
        "MEMORY_STORE_MAX_BYTES and JOURNAL_MAX_BYTES"
    };
    let Some(available) = available else {
        let found = "the size of the memory could not be read";
        return Finding::warn(CHECK, found, format!("see that {names} fit in"));
    };
    let (shown, total) = (size_text(needed), available >> 20);
    let found = format!("messages may take {shown} of {total} MiB");
    let remedy = format!("lower {names}, or add memory");
    if needed >= available {
        Finding::fail(CHECK, found, remedy)
    } else if needed > available / 2 {
        Finding::warn(CHECK, found, remedy)
    } else {
        Finding::ok(CHECK, found)
    }
}

fn bounds(config: &Config) -> Finding {
    const CHECK: &str = "limits";
    let unbounded: Vec<_> = [
        ("MAX_FRAME_BYTES", config.limits.frame_bytes_max == UNLIMITED),
        ("SESSION_QUEUE_BYTES", config.queue_bytes_max == UNLIMITED),
        ("MAX_ROOMS_PER_SESSION", config.limits.rooms_max == UNLIMITED),
        ("RATE_FRAMES_PER_SEC", config.limits.frames_per_second == 0),
    ]
    .into_iter()
    .filter_map(|(name, unbounded)| unbounded.then_some(name))
    .collect();
    if unbounded.is_empty() {
        return Finding::ok(CHECK, "what one client can use up is bounded");
    }
    let found =
        format!("one client can use up the machine: {} without limit", unbounded.join(", "));
    Finding::warn(CHECK, found, "set them above 0")
}

/// Whether a file can be made, written and removed there; nothing stays behind.
fn journal(directory: &Path) -> Finding {
    const CHECK: &str = "journal";
    let shown = directory.display();
    // The hub makes what is missing of the path.
    let there = directory.ancestors().find(|ancestor| ancestor.exists());
    let there = there.unwrap_or_else(|| Path::new("."));
    if !there.is_dir() {
        let found = format!("JOURNAL_DIR={shown}: {} is not a directory", there.display());
        return Finding::fail(CHECK, found, "name a directory");
    }
    let path = there.join(format!(".doctor-{}", std::process::id()));
    let tried = OpenOptions::new().write(true).create_new(true).open(&path).and_then(|mut file| {
        let written = file.write_all(b"doctor").and_then(|()| file.sync_all());
        fs::remove_file(&path).and(written)
    });
    match tried {
        Ok(()) => Finding::ok(CHECK, format!("JOURNAL_DIR={shown} can be written")),
        Err(error) => {
            let found = format!("JOURNAL_DIR={shown} cannot be written: {error}");
            Finding::fail(CHECK, found, "make it writable for the user who runs the hub")
        }
    }
}

/// The soft limit of this process, which the hub will have when it is started the same way.
fn open_files_limit() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok();
    let limit = limits.as_deref().and_then(open_files_in);
    limit.or_else(|| {
        let output = Command::new("sh").args(["-c", "ulimit -n"]).output().ok()?;
        limit_text(String::from_utf8(output.stdout).ok()?.trim())
    })
}

fn open_files_in(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    limit_text(line.split_whitespace().next()?)
}

fn limit_text(text: &str) -> Option<u64> {
    if text == "unlimited" { Some(u64::MAX) } else { text.parse().ok() }
}

/// Bytes of memory that this process may use: of the machine, or of its control group if that is less.
fn memory_available() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(memory_in);
    let group = number_in("/sys/fs/cgroup/memory.max")
        .or_else(|| number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    [machine, group].into_iter().flatten().min()
}

fn memory_in(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn number_in(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Verdict, loaded};
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Config {
        loaded(pairs).config
    }

    #[test]
    fn open_files_must_be_enough_for_all_connections() {
        let config = config(&[("MAX_CONNECTIONS", "1000"), ("WORKERS", "2")]);
        let needed = 1000 + 2 * 4 + 10 + 64;
        assert_eq!(open_files(&config, Some(needed), true).verdict, Verdict::Ok);
        assert_eq!(open_files(&config, Some(needed - 1), true).verdict, Verdict::Fail);
        let finding = open_files(&config, Some(needed - 1), false);
        assert_eq!(finding.verdict, Verdict::Warn);
        assert!(finding.remedy.contains("ulimit -n 1082"), "{finding}");
        assert_eq!(open_files(&config, None, true).verdict, Verdict::Warn);
    }

    #[test]
    fn connections_without_limit_are_worth_a_warning() {
        let finding = open_files(&config(&[("MAX_CONNECTIONS", "0")]), Some(4096), true);
        assert_eq!(finding.verdict, Verdict::Warn);
        assert_eq!(finding.remedy, "set MAX_CONNECTIONS below 4096");
    }

    #[test]
    fn the_backlog_holds_1024() {
        assert_eq!(backlog(Some(1024)).verdict, Verdict::Ok);
        assert_eq!(backlog(Some(1023)).verdict, Verdict::Warn);
        assert_eq!(backlog(None).verdict, Verdict::Warn);
    }

    #[test]
    fn messages_should_take_half_of_the_memory_at_most() {
        let pairs = [("MEMORY_STORE_MAX_BYTES", "300MiB"), ("JOURNAL_MAX_BYTES", "100MiB")];
        let config = config(&pairs);
        assert_eq!(memory(&config, Some(800 << 20)).verdict, Verdict::Ok);
        assert_eq!(memory(&config, Some((800 << 20) - 1)).verdict, Verdict::Warn);
        assert_eq!(memory(&config, Some((400 << 20) + 1)).verdict, Verdict::Warn);
        assert_eq!(memory(&config, Some(400 << 20)).verdict, Verdict::Fail);
        assert_eq!(memory(&config, None).verdict, Verdict::Warn);
    }

    #[test]
    fn a_journal_in_a_file_takes_no_memory() {
        let pairs = [
            ("MEMORY_STORE_MAX_BYTES", "100MiB"),
            ("JOURNAL_MAX_BYTES", "1GiB"),
            ("JOURNAL_DIR", "/tmp"),
        ];
        assert_eq!(memory(&config(&pairs), Some(200 << 20)).verdict, Verdict::Ok);
    }

    #[test]
    fn what_has_no_limit_is_named() {
        assert_eq!(bounds(&config(&[])).verdict, Verdict::Ok);
        let finding = bounds(&config(&[("RATE_FRAMES_PER_SEC", "0"), ("MAX_FRAME_BYTES", "0")]));
        assert_eq!(finding.verdict, Verdict::Warn);
        assert!(finding.found.contains("MAX_FRAME_BYTES, RATE_FRAMES_PER_SEC"), "{finding}");
    }

    #[test]
    fn the_journal_needs_a_directory_that_can_be_written() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(journal(directory.path()).verdict, Verdict::Ok);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        assert_eq!(journal(&directory.path().join("made/later")).verdict, Verdict::Ok);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_directory_that_takes_no_files_is_a_failure() {
        assert_eq!(journal(Path::new("/proc")).verdict, Verdict::Fail);
    }

    #[test]
    fn the_texts_of_the_system_are_understood() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(open_files_in(limits), Some(1024));
        assert_eq!(limit_text("unlimited"), Some(u64::MAX));
        assert_eq!(memory_in("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16 << 20));
        assert_eq!(number_in("/nonexistent"), None);
    }
}
