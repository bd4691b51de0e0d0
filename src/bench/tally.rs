//! What was sent and what arrived.

use super::groups::Groups;
use super::latency::Latency;
use super::stamp::Stamp;

/// Counts chat messages over a whole run, and times those of the measured part.
///
/// A message that comes after a later one of its sender counts as lost and as duplicated: the
/// protocol promises an order, and whoever breaks it should not look well here.
pub struct Tally {
    groups: Groups,
    /// By way: the sequence that comes next.
    next: Vec<u32>,
    /// By sender: the sequence that is sent next.
    sequences: Vec<u32>,
    counts: Counts,
    latency: Latency,
    measured: Option<(u64, u64)>,
}

/// What has happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages given to sockets.
    pub sent: u64,
    /// Frames that should have come of them by the end.
    pub expected: u64,
    /// Frames that came.
    pub delivered: u64,
    /// Those among them that had come before.
    pub duplicated: u64,
    /// Those among them that came to somebody whom they were not for.
    pub strayed: u64,
    /// Those among them that came in the measured part.
    pub delivered_in_time: u64,
}

impl Counts {
    /// Frames that did not come.
    pub fn missing(&self) -> u64 {
        (self.expected + self.duplicated + self.strayed).saturating_sub(self.delivered)
    }
}

impl Tally {
    /// Nothing was sent yet.
    pub fn new(groups: Groups) -> Self {
        Self {
            groups,
            next: vec![0; groups.ways()],
            sequences: vec![0; groups.senders()],
            counts: Counts::default(),
            latency: Latency::new(),
            measured: None,
        }
    }

    /// The measured part: messages that were to be sent from `begin` up to `end` are timed.
    pub fn measure(&mut self, begin: u64, end: u64) {
        self.measured = Some((begin, end));
    }

    /// The stamp for the next message of `sender`.
    pub fn next_stamp(&self, sender: usize, nanos: u64) -> Stamp {
        Stamp { sender, sequence: self.sequences[sender], nanos }
    }

    /// The next message of `sender` was sent.
    pub fn sent(&mut self, sender: usize) {
        self.sequences[sender] += 1;
        self.counts.sent += 1;
        self.counts.expected += self.groups.audience(sender);
    }

    /// A message came to `client`.
    pub fn received(&mut self, client: usize, stamp: Stamp, now: u64) {
        self.counts.delivered += 1;
        let Some(way) = self.groups.way(stamp.sender, client) else {
            self.counts.strayed += 1;
            return;
        };
        let next = &mut self.next[way];
        if stamp.sequence < *next {
            self.counts.duplicated += 1;
            return;
        }
        *next = stamp.sequence + 1;
        let Some((begin, end)) = self.measured else { return };
        self.counts.delivered_in_time += u64::from((begin..end).contains(&now));
        if (begin..end).contains(&stamp.nanos) {
            self.latency.record(now.saturating_sub(stamp.nanos));
        }
    }

    /// What has happened so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How long messages of the measured part took.
    pub fn latency(&self) -> &Latency {
        &self.latency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two groups of two: 0 and 2, 1 and 3; 0 and 1 send.
    fn tally() -> Tally {
        Tally::new(Groups::new(4, 2, 1))
    }

    fn deliver(tally: &mut Tally, sequence: u32, clients: &[usize]) {
        for &client in clients {
            tally.received(client, Stamp { sender: 0, sequence, nanos: 5_000 }, 8_000);
        }
    }

    #[test]
    fn a_message_is_expected_once_by_each_of_its_audience() {
        let mut tally = tally();
        tally.sent(0);
        assert_eq!(tally.counts().missing(), 2);
        deliver(&mut tally, 0, &[0, 2]);
        let counts = tally.counts();
        assert_eq!((counts.sent, counts.delivered, counts.missing()), (1, 2, 0));
    }

    #[test]
    fn lost_and_duplicated_messages_do_not_make_up_for_each_other() {
        let mut tally = tally();
        (0..3).for_each(|_| tally.sent(0));
        deliver(&mut tally, 0, &[0, 0, 2]);
        deliver(&mut tally, 2, &[0, 2]);
        let counts = tally.counts();
        assert_eq!((counts.delivered, counts.duplicated, counts.missing()), (5, 1, 2));
    }

    #[test]
    fn a_message_to_the_wrong_group_strays() {
        let mut tally = tally();
        tally.sent(0);
        deliver(&mut tally, 0, &[0, 1]);
        let counts = tally.counts();
        assert_eq!((counts.strayed, counts.missing()), (1, 1));
        tally.received(0, Stamp { sender: 99, sequence: 0, nanos: 0 }, 0);
        assert_eq!(tally.counts().strayed, 2);
    }

    #[test]
    fn only_the_measured_part_is_timed() {
        for (begin, end, timed) in [(5_000, 6_000, true), (5_001, 9_000, false), (0, 5_000, false)]
        {
            let mut tally = tally();
            tally.measure(begin, end);
            tally.sent(0);
            deliver(&mut tally, 0, &[0]);
            assert_eq!(tally.latency().percentiles().max > 0.0, timed, "{begin} to {end}");
        }
    }
}
