//! The one ordered way of all writes: what waits for it, bounded by number and bytes.

use std::collections::VecDeque;

use crate::hub::{Append, Conversation, Fact};
use crate::protocol::Position;
use crate::store::Ticket;

/// Commands sent together at most.
const BATCH_MAX: usize = 512;
/// Bytes sent together at most, but for a single larger command.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// A write that waits.
#[derive(Debug)]
pub(super) enum Write {
    Append {
        ticket: Ticket,
        append: Append,
        at: Option<Position>,
    },
    Tell(Fact),
    Purge(Conversation),
    /// A probe that takes the latch off.
    Resume,
}

impl Write {
    fn weight(&self) -> usize {
        const SMALL: usize = 256;
        match self {
            Self::Append { append, .. } => append.weight(),
            Self::Tell(_) | Self::Purge(_) | Self::Resume => SMALL,
        }
    }
}

#[derive(Debug)]
pub(super) struct Lane {
    waiting: VecDeque<Write>,
    bytes: usize,
    max: usize,
    bytes_max: usize,
    /// Why nothing but a [`Write::Resume`] passes.
    latch: Option<String>,
}

impl Lane {
    pub(super) fn new(max: usize, bytes_max: usize) -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, max, bytes_max, latch: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Lets nothing pass but a [`Write::Resume`].
    pub(super) fn latch(&mut self, why: String) {
        self.latch = Some(why);
    }

    pub(super) fn unlatch(&mut self) {
        self.latch = None;
    }

    /// Why nothing passes.
    pub(super) fn latched(&self) -> Option<&str> {
        self.latch.as_deref()
    }

    /// Whether the write may wait here. There is always room for a [`Write::Resume`], and in an empty
    /// lane for a write of any size.
    pub(super) fn has_room(&self, write: &Write) -> bool {
        let is_full = self.waiting.len() >= self.max
            || (!self.waiting.is_empty() && self.bytes + write.weight() > self.bytes_max);
        !is_full || matches!(write, Write::Resume)
    }

    pub(super) fn push(&mut self, write: Write) {
        self.bytes += write.weight();
        self.waiting.push_back(write);
    }

    /// Takes out the next write that the latch does not let pass.
    pub(super) fn pop_refused(&mut self) -> Option<Write> {
        self.latch.as_ref()?;
        let write = self.waiting.pop_front_if(|write| !matches!(write, Write::Resume))?;
        self.bytes -= write.weight();
        Some(write)
    }

    /// Takes out what is to be sent together next: one [`Write::Resume`] alone while latched.
    pub(super) fn batch(&mut self) -> Vec<Write> {
        let most = if self.latch.is_some() { 1 } else { BATCH_MAX };
        let mut bytes = 0;
        let fitting = self.waiting.iter().take(most).take_while(|write| {
            bytes += write.weight();
            bytes <= BATCH_BYTES_MAX
        });
        let count = fitting.count().max(1).min(self.waiting.len());
        let batch: Vec<Write> = self.waiting.drain(..count).collect();
        self.bytes -= batch.iter().map(Write::weight).sum::<usize>();
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::UserId;

    fn write() -> Write {
        Write::Tell(Fact::Available { user: UserId::new("ana").unwrap() })
    }

    fn filled(count: usize, max: usize, bytes_max: usize) -> Lane {
        let mut lane = Lane::new(max, bytes_max);
        for _ in 0..count {
            lane.push(write());
        }
        lane
    }

    #[test]
    fn the_lane_holds_its_number_and_not_one_more() {
        assert!(filled(1, 2, usize::MAX).has_room(&write()));
        let mut full = filled(2, 2, usize::MAX);
        assert!(!full.has_room(&write()));
        assert!(full.has_room(&Write::Resume));
        assert_eq!(full.batch().len(), 2);
        assert!(full.has_room(&write()));
    }

    #[test]
    fn the_lane_holds_its_bytes_and_not_one_more() {
        let weight = write().weight();
        assert!(filled(1, 9, 2 * weight).has_room(&write()));
        assert!(!filled(1, 9, 2 * weight - 1).has_room(&write()));
        assert!(filled(0, 9, 0).has_room(&write()));
    }

    #[test]
    fn a_batch_is_bounded_and_never_empty_while_something_waits() {
        let mut lane = filled(BATCH_MAX + 1, usize::MAX, usize::MAX);
        assert_eq!([lane.batch().len(), lane.batch().len(), lane.batch().len()], [BATCH_MAX, 1, 0]);
        assert_eq!(lane.bytes, 0);
    }

    #[test]
    fn a_latched_lane_refuses_all_before_a_resume_and_sends_that_alone() {
        let mut lane = filled(1, usize::MAX, usize::MAX);
        lane.push(Write::Resume);
        lane.push(write());
        assert!(lane.pop_refused().is_none());
        lane.latch("away".into());
        assert!(matches!(lane.pop_refused(), Some(Write::Tell(_))));
        assert!(lane.pop_refused().is_none());
        assert!(matches!(lane.batch()[..], [Write::Resume]));
        lane.unlatch();
        assert!(matches!(lane.batch()[..], [Write::Tell(_)]));
    }
}
