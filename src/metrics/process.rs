//! What the system says about this process, read when somebody asks. On systems without `/proc` the
//! values stay zero.

use std::fs;
use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::registration::Registration;
use crate::usage::Usage;

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
        if let Some(usage) = Usage::of("self") {
            self.memory.set(i64::try_from(usage.resident_kb).unwrap_or(i64::MAX / 1024) * 1024);
            let grown = usage.cpu_seconds() - self.processor.get();
            self.processor.inc_by(grown.max(0.0));
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // One of them is the listing itself.
            self.files.set(i64::try_from(files.count()).unwrap_or(i64::MAX) - 1);
        }
    }
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
