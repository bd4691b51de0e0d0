//! What a process uses, as `/proc` tells it.

use std::fs;

/// Ticks a second in `/proc/PID/stat`: `USER_HZ`, 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process had used at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Time of the processors in the program.
    pub user_seconds: f64,
    /// Time of the processors in the kernel.
    pub system_seconds: f64,
    /// Resident memory in units of 1024 bytes.
    pub resident_kb: u64,
}

impl Usage {
    /// Looks at a process by its id, or at this one by `self`; `None` if it is not there, and on
    /// systems without `/proc`.
    #[must_use]
    pub fn of(process: &str) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        Self::read(&stat, &status)
    }

    /// Time of the processors, in the program and in the kernel.
    #[must_use]
    pub fn cpu_seconds(&self) -> f64 {
        self.user_seconds + self.system_seconds
    }

    fn read(stat: &str, status: &str) -> Option<Self> {
        // The name of the program stands in parentheses and may hold blanks; utime and stime are the
        // 12th and 13th fields behind it (proc(5)).
        let (_, fields) = stat.rsplit_once(')')?;
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
        let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(Self {
            user_seconds: user as f64 / TICKS_PER_SECOND,
            system_seconds: system as f64 / TICKS_PER_SECOND,
            resident_kb: line.trim().strip_suffix(" kB")?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read() {
        let stat = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        let usage = Usage::read(stat, "Name:\tx\nVmRSS:\t    2048 kB\n").unwrap();
        let expected = Usage { user_seconds: 2.5, system_seconds: 0.5, resident_kb: 2048 };
        assert_eq!(usage, expected);
        assert_eq!(usage.cpu_seconds(), 3.0);
        assert_eq!(Usage::read("12 (a", ""), None);
    }

    #[test]
    fn a_process_that_is_not_there_uses_nothing() {
        assert_eq!(Usage::of(&u32::MAX.to_string()), None);
    }
}
