//! When messages are sent: on time whatever the server does, or as fast as it gives them back.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::Waker;

/// The moments of an even rate.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    begin: u64,
    interval: f64,
    given: u64,
}

impl Pace {
    /// The first moment is `begin`, in nanoseconds.
    pub fn new(begin: u64, per_second: f64) -> Self {
        Self { begin, interval: 1e9 / per_second, given: 0 }
    }

    /// The number of the next message that is due by `now`, and the moment when it was to be sent.
    pub fn next(&mut self, now: u64) -> Option<(u64, u64)> {
        let due = self.begin + (self.given as f64 * self.interval) as u64;
        if due > now {
            return None;
        }
        self.given += 1;
        Some((self.given - 1, due))
    }
}

/// Wakes the poller at each moment: its own timeout has a resolution of a millisecond only.
pub struct Ticker {
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// The shortest time between two wake-ups; moments that lie closer share one.
    const SHORTEST: Duration = Duration::from_micros(100);

    /// Wakes from `begin` on, `per_second` times a second at most.
    pub fn start(begin: Instant, per_second: f64, waker: Waker) -> io::Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let interval = Duration::from_secs_f64(1.0 / per_second).max(Self::SHORTEST);
        let thread = {
            let stopped = Arc::clone(&stopped);
            let tick = move || {
                let mut next = begin;
                while !stopped.load(Ordering::Relaxed) {
                    let now = Instant::now();
                    if now < next {
                        thread::park_timeout(next - now);
                        continue;
                    }
                    // A poller that is gone needs no waking.
                    drop(waker.wake());
                    while next <= now {
                        next += interval;
                    }
                }
            };
            thread::Builder::new().name("bench ticker".to_owned()).spawn(tick)?
        };
        Ok(Self { stopped, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_due_at_its_moment_and_not_before() {
        let mut pace = Pace::new(1000, 1e6);
        assert_eq!(pace.next(999), None);
        assert_eq!(pace.next(1000), Some((0, 1000)));
        assert_eq!(pace.next(1999), None);
        assert_eq!(pace.next(2000), Some((1, 2000)));
    }

    #[test]
    fn a_late_generator_sends_all_it_missed_with_the_moments_they_had() {
        let mut pace = Pace::new(0, 300.0);
        let moments: Vec<u64> =
            std::iter::from_fn(|| pace.next(1_000_000_000)).map(|m| m.1).collect();
        assert_eq!(moments.len(), 301);
        assert_eq!((moments[1], moments[300]), (3_333_333, 1_000_000_000));
    }
}
