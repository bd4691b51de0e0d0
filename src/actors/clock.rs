//! The one place where time is read.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::hub::Now;
use crate::protocol::Position;

/// Reads both clocks; the steady one counts from when this was made.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// This moment.
    #[must_use]
    pub fn now(&self) -> Now {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX);
        Now { wall: Position(micros), elapsed: self.start.elapsed() }
    }
}
