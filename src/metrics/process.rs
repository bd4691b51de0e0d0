//! What the system says about this process, read when somebody asks. On systems without `/proc` the
//! values stay zero.

use std::fs;
use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::registration::Registration;

/// Ticks a second in `/proc/self/stat`: `USER_HZ`, 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

type Seconds = Counter<f64, AtomicU64>;

#[derive(Debug)]
pub(super) struct Process {
    memory: Gauge,
    files: Gauge,
    processor: Seconds,
}

impl Process {
    pub(super) fn register(to: &mut Registration) -> Self {
        let begin: Gauge<f64, AtomicU64> = to.fresh("process_start_time_seconds");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        begin.set(now.as_secs_f64());
        Self {
            memory: to.fresh("process_resident_memory_bytes"),
            files: to.fresh("process_open_fds"),
            processor: to.fresh("process_cpu_seconds_total"),
        }
    }

    /// Asks the system.
    pub(super) fn refresh(&self) {
        if let Some(bytes) = memory() {
            self.memory.set(bytes);
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // One of them is the listing itself.
            self.files.set(i64::try_from(files.count()).unwrap_or(i64::MAX) - 1);
        }
        if let Some(seconds) = processor() {
            self.processor.inc_by((seconds - self.processor.get()).max(0.0));
        }
    }
}

fn memory() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn processor() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program stands in parentheses and may hold blanks; utime and stime are the
    // 12th and 13th fields behind it (proc(5)).
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u32>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some((f64::from(user) + f64::from(system)) / TICKS_PER_SECOND)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_asked_for_memory_files_and_time() {
        let process = Process::register(&mut Registration::default());
        process.refresh();
        assert!(process.memory.get() > 100_000);
        assert!(process.files.get() >= 3);
        let before = process.processor.get();
        process.refresh();
        assert!(process.processor.get() >= before);
    }
}
