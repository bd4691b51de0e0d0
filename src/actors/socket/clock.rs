//! Time as a worker lives it.

use std::time::{Duration, Instant};

/// Counts the time since it began, but for spells in which the worker did not run at all: a
/// machine that was suspended, or a process that was stopped, has not listened to its clients
/// meanwhile and cannot call them silent.
#[derive(Debug)]
pub struct Clock {
    began: Instant,
    /// A longer time between two looks than this is a spell.
    longest: Duration,
    looked: Duration,
    lost: Duration,
}

impl Clock {
    /// A clock that is looked at once per `interval` or oftener.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        let (looked, lost) = (Duration::ZERO, Duration::ZERO);
        Self { began: Instant::now(), longest: interval * 4, looked, lost }
    }

    /// The time now.
    pub fn look(&mut self) -> Duration {
        self.look_at(self.began.elapsed())
    }

    fn look_at(&mut self, elapsed: Duration) -> Duration {
        let spell = elapsed.saturating_sub(self.looked);
        self.lost += spell.saturating_sub(self.longest);
        self.looked = elapsed;
        elapsed - self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spell_counts_as_no_more_than_four_intervals() {
        let seconds = Duration::from_secs;
        let mut clock = Clock::new(seconds(1));
        assert_eq!(clock.look_at(seconds(1)), seconds(1));
        assert_eq!(clock.look_at(seconds(5)), seconds(5));
        assert_eq!(clock.look_at(seconds(3600)), seconds(9));
        assert_eq!(clock.look_at(seconds(3601)), seconds(10));
    }
}
