//! What a socket has not taken yet, frame by frame.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem;

use bytes::Bytes;

use super::outbox::Bundle;

/// Bundles that go into one vectored write at most; a queue as long as this is written at once.
pub const BUNDLES_PER_WRITE: usize = 64;

/// Bundles of frames in the order in which they are to be sent, the first of them perhaps sent in
/// part.
#[derive(Debug, Default)]
pub struct Queue {
    bundles: VecDeque<Bundle>,
    /// Bytes of the first bundle that are sent.
    sent: usize,
    /// Bytes of all bundles that are not.
    unsent: usize,
    /// Bundles that have left, so that a place in the queue has a lasting number.
    left: u64,
    /// The lasting number of the newest pong.
    pong: Option<u64>,
    /// Whether the first bundle must go out whatever happens: the answer to the handshake.
    pinned: bool,
}

impl Queue {
    /// Bytes that wait to be sent.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.unsent
    }

    /// Bundles that wait to be sent, wholly or in part.
    #[must_use]
    pub fn bundles(&self) -> usize {
        self.bundles.len()
    }

    /// Whether a single frame waits.
    #[must_use]
    pub fn is_one_frame(&self) -> bool {
        self.bundles.len() == 1 && self.bundles[0].frames <= 1
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bundles.is_empty()
    }

    /// Appends what is to be sent. The caller minds the limit.
    pub fn push(&mut self, bundle: Bundle) {
        self.unsent += bundle.bytes.len();
        self.bundles.push_back(bundle);
    }

    /// Puts in the bytes that come before all frames, and that no overflow drops.
    pub fn push_pinned(&mut self, bytes: Bytes) {
        debug_assert!(self.is_empty());
        self.pinned = true;
        // No frame, so it is not counted as one.
        self.push(Bundle { bytes, frames: 0 });
    }

    /// Appends a pong.
    pub fn push_pong(&mut self, pong: Bytes) {
        self.pong = Some(self.left + self.bundles.len() as u64);
        self.push(pong.into());
    }

    /// Puts a pong in the place of one that waits, or appends it if none does: only the newest
    /// ping needs an answer (RFC 6455, section 5.5.3), so pings cannot fill a blocked queue.
    pub fn replace_pong(&mut self, pong: Bytes) {
        let place = self.pong.and_then(|number| number.checked_sub(self.left));
        let place = place.filter(|&place| place > 0 || self.sent == 0);
        let waiting = place.and_then(|place| self.bundles.get_mut(usize::try_from(place).ok()?));
        match waiting {
            Some(old) => {
                self.unsent = self.unsent - old.bytes.len() + pong.len();
                *old = pong.into();
            }
            None => self.push_pong(pong),
        }
    }

    /// Fills `slices` with what is to be sent next and returns how many there are.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; BUNDLES_PER_WRITE]) -> usize {
        for (slice, bundle) in slices.iter_mut().zip(&self.bundles) {
            *slice = IoSlice::new(&bundle.bytes);
        }
        if let Some(first) = self.bundles.front() {
            slices[0] = IoSlice::new(&first.bytes[self.sent..]);
        }
        self.bundles.len().min(BUNDLES_PER_WRITE)
    }

    /// Appends all that is to be sent to `bytes`.
    pub fn copy_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.first());
        self.bundles.iter().skip(1).for_each(|bundle| bytes.extend_from_slice(&bundle.bytes));
    }

    /// The rest of the first bundle.
    #[must_use]
    pub fn first(&self) -> &[u8] {
        self.bundles.front().map_or(&[], |first| &first.bytes[self.sent..])
    }

    /// Marks `bytes` as sent and returns how many frames that completed; those of a bundle count
    /// when the whole of it is sent.
    pub fn advance(&mut self, bytes: usize) -> u64 {
        let mut completed = 0;
        self.unsent -= bytes;
        self.sent += bytes;
        while let Some(first) = self.bundles.front()
            && self.sent >= first.bytes.len()
        {
            self.sent -= first.bytes.len();
            completed += u64::from(first.frames);
            self.bundles.pop_front();
            self.left += 1;
            self.pinned = false;
        }
        completed
    }

    /// Drops all but what must be finished for the peer to understand what comes next, and what is
    /// bundled with it.
    pub fn drop_whole_frames(&mut self) {
        let keep = usize::from(self.sent > 0 || self.pinned);
        self.bundles.truncate(keep);
        self.unsent = self.first().len();
        self.pong = None;
    }

    /// Makes a used queue like new, keeping a little of its room.
    pub fn reset(&mut self) {
        const BUNDLES_KEPT: usize = BUNDLES_PER_WRITE;
        let mut bundles = mem::take(&mut self.bundles);
        bundles.clear();
        bundles.shrink_to(BUNDLES_KEPT);
        *self = Self { bundles, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(frames: &[&'static str]) -> Queue {
        let mut queue = Queue::default();
        for frame in frames {
            queue.push(Bytes::from_static(frame.as_bytes()).into());
        }
        queue
    }

    fn next(queue: &Queue) -> Vec<String> {
        let mut slices = [IoSlice::new(&[]); BUNDLES_PER_WRITE];
        let count = queue.slices(&mut slices);
        slices[..count].iter().map(|s| String::from_utf8(s.to_vec()).unwrap()).collect()
    }

    #[test]
    fn what_is_sent_leaves_from_the_front() {
        let mut queue = queue(&["abc", "de", "f"]);
        assert_eq!((queue.bytes(), queue.advance(4)), (6, 1));
        assert_eq!(next(&queue), ["e", "f"]);
        let mut copy = Vec::new();
        queue.copy_to(&mut copy);
        assert_eq!(copy, b"ef");
        assert_eq!((queue.bytes(), queue.advance(2)), (2, 2));
        assert!(queue.is_empty() && queue.first().is_empty());
    }

    #[test]
    fn the_frames_of_a_bundle_count_when_all_of_it_is_sent() {
        let mut queue = queue(&["ab"]);
        assert!(queue.is_one_frame());
        queue.push(Bundle { bytes: Bytes::from_static(b"cdefg"), frames: 3 });
        assert_eq!([queue.advance(6), queue.advance(1)], [1, 3]);
        queue.push(Bundle { bytes: Bytes::from_static(b"hi"), frames: 2 });
        assert!(!queue.is_one_frame());
    }

    #[test]
    fn a_write_takes_64_bundles_and_not_65() {
        let mut queue = queue(&["x"; 64]);
        assert_eq!(next(&queue).len(), 64);
        queue.push(Bytes::from_static(b"y").into());
        assert_eq!(next(&queue).len(), 64);
        queue.advance(64);
        assert_eq!(next(&queue), ["y"]);
    }

    #[test]
    fn only_the_newest_pong_waits() {
        let pong = |text: &'static str| Bytes::from_static(text.as_bytes());
        let mut queue = queue(&["abc"]);
        queue.replace_pong(pong("one"));
        queue.push(pong("d").into());
        queue.replace_pong(pong("three"));
        assert_eq!(next(&queue), ["abc", "three", "d"]);
        assert_eq!(queue.bytes(), 9);

        queue.advance(3);
        queue.replace_pong(pong("four"));
        assert_eq!(next(&queue), ["four", "d"]);

        queue.advance(1);
        queue.replace_pong(pong("five"));
        assert_eq!(next(&queue), ["our", "d", "five"], "a pong that is half sent stays");
    }

    #[test]
    fn an_overflow_leaves_what_is_half_sent() {
        let mut half = queue(&["abc", "de"]);
        half.advance(1);
        half.drop_whole_frames();
        assert_eq!((next(&half), half.bytes()), (vec!["bc".to_owned()], 2));

        let mut whole = queue(&["abc", "de"]);
        whole.advance(3);
        whole.drop_whole_frames();
        assert!(whole.is_empty() && whole.bytes() == 0);
    }

    #[test]
    fn an_overflow_leaves_the_answer_to_the_handshake() {
        let mut queue = Queue::default();
        queue.push_pinned(Bytes::from_static(b"101"));
        queue.push(Bytes::from_static(b"frame").into());
        queue.drop_whole_frames();
        assert_eq!(next(&queue), ["101"]);
        assert_eq!(queue.advance(3), 0, "it is no frame");
        queue.push(Bytes::from_static(b"frame").into());
        queue.drop_whole_frames();
        assert!(queue.is_empty());
    }

    #[test]
    fn a_reset_queue_is_as_new() {
        let mut queue = queue(&["abc"; 1000]);
        queue.advance(1);
        queue.reset();
        assert!(queue.is_empty() && queue.bytes() == 0 && queue.bundles.capacity() <= 128);
    }
}
