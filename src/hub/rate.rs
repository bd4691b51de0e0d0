//! How many frames a session may send: a token bucket, and the patience with one that floods.

use std::time::Duration;

use crate::protocol::Limits;

/// Time between two notices of dropped frames.
const TELL_INTERVAL: Duration = Duration::from_secs(1);
/// So many times the limit is a flood.
const FLOOD_FACTOR: u32 = 10;
/// So many seconds of flood in a row end the session.
const FLOOD_SECONDS_MAX: u8 = 10;

/// What is to be done with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Take it.
    Take,
    /// Drop it without a word: the session was told within the last second.
    Drop,
    /// Drop it, and tell that `dropped` frames were dropped and when the next one will be taken.
    DropAndTell { dropped: u32, retry_after_ms: u64 },
    /// Drop it and close the session.
    Close,
}

/// The state of one session's allowance.
#[derive(Debug)]
pub(super) struct Rate {
    tokens: f32,
    refilled: Duration,
    dropped: u32,
    told: Option<Duration>,
    second: u32,
    frames_in_second: u32,
    flood_seconds: u8,
}

impl Rate {
    pub(super) fn new(limits: &Limits, now: Duration) -> Self {
        Self {
            tokens: limits.frames_burst as f32,
            refilled: now,
            dropped: 0,
            told: None,
            second: 0,
            frames_in_second: 0,
            flood_seconds: 0,
        }
    }

    /// Counts one frame that came at `now`.
    pub(super) fn count(&mut self, limits: &Limits, now: Duration) -> Verdict {
        if limits.frames_per_second == 0 {
            return Verdict::Take;
        }
        let second = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        if self.is_flood(limits, second) {
            return Verdict::Close;
        }
        let rate = limits.frames_per_second as f32;
        let earned = now.saturating_sub(self.refilled).as_secs_f32() * rate;
        self.tokens = (self.tokens + earned).min(limits.frames_burst as f32);
        self.refilled = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Verdict::Take;
        }
        self.dropped += 1;
        if self.told.is_some_and(|told| now < told + TELL_INTERVAL) {
            return Verdict::Drop;
        }
        self.told = Some(now);
        let dropped = std::mem::take(&mut self.dropped);
        let retry_after_ms = ((1.0 - self.tokens) / rate * 1000.0).ceil() as u64;
        Verdict::DropAndTell { dropped, retry_after_ms }
    }

    /// Whether each of the last [`FLOOD_SECONDS_MAX`] whole seconds held a flood.
    fn is_flood(&mut self, limits: &Limits, second: u32) -> bool {
        if second != self.second {
            let flooded = self.frames_in_second >= limits.frames_per_second * FLOOD_FACTOR;
            let follows = second == self.second + 1;
            self.flood_seconds = if flooded && follows { self.flood_seconds + 1 } else { 0 };
            self.second = second;
            self.frames_in_second = 0;
        }
        self.frames_in_second = self.frames_in_second.saturating_add(1);
        self.flood_seconds >= FLOOD_SECONDS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { frames_per_second: 10, frames_burst: 20, ..Limits::default() }
    }

    #[test]
    fn a_burst_is_taken_and_the_next_frame_is_not() {
        let (limits, now) = (limits(), Duration::from_secs(5));
        let mut rate = Rate::new(&limits, now);
        for _ in 0..20 {
            assert_eq!(rate.count(&limits, now), Verdict::Take);
        }
        let told = Verdict::DropAndTell { dropped: 1, retry_after_ms: 100 };
        assert_eq!(rate.count(&limits, now), told);
        assert_eq!(rate.count(&limits, now), Verdict::Drop);
        assert_eq!(rate.count(&limits, now + Duration::from_millis(100)), Verdict::Take);
    }

    #[test]
    fn what_was_dropped_is_told_at_most_once_a_second() {
        let (limits, start) = (limits(), Duration::from_secs(5));
        let mut rate = Rate::new(&limits, start);
        let told: Vec<u32> = (0..1000)
            .filter_map(|n| match rate.count(&limits, start + Duration::from_millis(n * 2)) {
                Verdict::DropAndTell { dropped, .. } => Some(dropped),
                _ => None,
            })
            .collect();
        assert_eq!(told.len(), 2);
        assert_eq!(told[0], 1);
    }

    #[test]
    fn ten_times_the_limit_for_ten_seconds_ends_the_session_and_nine_seconds_do_not() {
        let limits = limits();
        let mut rate = Rate::new(&limits, Duration::ZERO);
        for second in 1..=9 {
            for _ in 0..100 {
                assert_ne!(rate.count(&limits, Duration::from_secs(second)), Verdict::Close);
            }
        }
        // One quiet second begins the count anew.
        assert_ne!(rate.count(&limits, Duration::from_secs(10)), Verdict::Close);
        for second in 11..=20 {
            for _ in 0..100 {
                assert_ne!(rate.count(&limits, Duration::from_secs(second)), Verdict::Close);
            }
        }
        assert_eq!(rate.count(&limits, Duration::from_secs(21)), Verdict::Close);
    }

    #[test]
    fn a_limit_of_zero_is_no_limit() {
        let limits = Limits { frames_per_second: 0, frames_burst: 1, ..Limits::default() };
        let mut rate = Rate::new(&limits, Duration::ZERO);
        assert!((0..10_000).all(|_| rate.count(&limits, Duration::ZERO) == Verdict::Take));
    }
}
