//! What time alone does to a session: pings, silence, a socket that takes nothing, a close that
//! does not end. Pure; times are since the worker began.

use std::time::Duration;

use super::SocketConfig;

/// The times that matter for one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// When the client was last heard of.
    pub heard: Duration,
    /// When it was last sent a ping, or would have been.
    pub pinged: Duration,
}

/// How a session is, as far as time is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Open. `blocked` since when its socket took nothing, if something waits; `held` if the
    /// worker itself does not read from it for now.
    Open { blocked: Option<Duration>, held: bool },
    /// On its way out since a close was sent.
    Ending { since: Duration },
}

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Wait,
    /// Send a ping.
    Ping,
    /// Its socket took nothing for too long.
    Stalled,
    /// It gave no sign of life.
    Silent,
    /// Its end took too long: cut it off.
    Overdue,
}

impl Pulse {
    /// The pulse of a session that is opened `now`. `spread` is any number that differs between
    /// sessions: clients that all came in one second are not all pinged in one second.
    #[must_use]
    pub fn new(now: Duration, spread: u64, ping_interval: Duration) -> Self {
        const STEPS: u64 = 64;
        let early = (spread % STEPS) as u32;
        Self { heard: now, pinged: now.saturating_sub(ping_interval * early / (2 * STEPS as u32)) }
    }

    /// Looks at a session.
    #[must_use]
    pub fn judge(&self, state: State, now: Duration, config: &SocketConfig) -> Verdict {
        let over = |since: Duration, limit: Duration| now.saturating_sub(since) >= limit;
        match state {
            State::Ending { since } if over(since, config.close_timeout) => Verdict::Overdue,
            State::Ending { .. } => Verdict::Wait,
            State::Open { blocked: Some(since), .. } if over(since, config.write_timeout) => {
                Verdict::Stalled
            }
            // A client that is not read from cannot be blamed for its silence.
            State::Open { held: false, .. } if over(self.heard, config.pong_timeout) => {
                Verdict::Silent
            }
            State::Open { blocked: None, .. } if over(self.pinged, config.ping_interval) => {
                Verdict::Ping
            }
            State::Open { .. } => Verdict::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: State = State::Open { blocked: None, held: false };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn judge(heard: u64, pinged: u64, state: State, now: u64) -> Verdict {
        let pulse = Pulse { heard: seconds(heard), pinged: seconds(pinged) };
        pulse.judge(state, seconds(now), &SocketConfig::default())
    }

    #[test]
    fn a_ping_is_due_after_its_interval_and_not_before() {
        assert_eq!(judge(100, 100, IDLE, 124), Verdict::Wait);
        assert_eq!(judge(100, 100, IDLE, 125), Verdict::Ping);
    }

    #[test]
    fn silence_ends_a_session_after_its_timeout_and_not_before() {
        assert_eq!(judge(100, 150, IDLE, 159), Verdict::Wait);
        assert_eq!(judge(100, 150, IDLE, 160), Verdict::Silent);
    }

    #[test]
    fn silence_of_a_client_that_is_not_read_from_is_no_sign() {
        let held = State::Open { blocked: None, held: true };
        assert_eq!(judge(100, 150, held, 160), Verdict::Wait);
    }

    #[test]
    fn a_socket_that_takes_nothing_is_stalled_after_its_timeout() {
        let blocked = State::Open { blocked: Some(seconds(130)), held: false };
        assert_eq!(judge(100, 100, blocked, 139), Verdict::Wait, "and no ping is added");
        assert_eq!(judge(100, 100, blocked, 140), Verdict::Stalled);
    }

    #[test]
    fn an_end_is_cut_off_after_its_timeout_and_not_before() {
        let ending = State::Ending { since: seconds(100) };
        assert_eq!(judge(0, 0, ending, 103), Verdict::Wait);
        assert_eq!(judge(0, 0, ending, 104), Verdict::Overdue);
    }

    #[test]
    fn pings_are_spread_over_half_an_interval() {
        let interval = seconds(64);
        let early = |spread| seconds(1000) - Pulse::new(seconds(1000), spread, interval).pinged;
        assert_eq!([early(0), early(32), early(63)].map(|d| d.as_millis()), [0, 16_000, 31_500]);
        assert_eq!(Pulse::new(Duration::ZERO, 63, interval).pinged, Duration::ZERO);
    }
}
