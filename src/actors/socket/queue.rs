//! What a socket has not taken yet, frame by frame.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem;

use bytes::Bytes;

/// Frames that go into one vectored write at most; a queue as long as this is written at once.
pub const FRAMES_PER_WRITE: usize = 64;

/// Frames in the order in which they are to be sent, the first of them perhaps sent in part.
#[derive(Debug, Default)]
pub struct Queue {
    frames: VecDeque<Bytes>,
    /// Bytes of the first frame that are sent.
    sent: usize,
    /// Bytes of all frames that are not.
    unsent: usize,
    /// Frames that have left, so that a place in the queue has a lasting number.
    left: u64,
    /// The lasting number of the newest pong.
    pong: Option<u64>,
    /// Whether the first frame must go out whatever happens: the answer to the handshake.
    pinned: bool,
}

impl Queue {
    /// Bytes that wait to be sent.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.unsent
    }

    /// Frames that wait to be sent, wholly or in part.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Appends a frame. The caller minds the limit.
    pub fn push(&mut self, frame: Bytes) {
        self.unsent += frame.len();
        self.frames.push_back(frame);
    }

    /// Puts in the bytes that come before all frames, and that no overflow drops.
    pub fn push_pinned(&mut self, bytes: Bytes) {
        debug_assert!(self.is_empty());
        self.pinned = true;
        self.push(bytes);
    }

    /// Appends a pong.
    pub fn push_pong(&mut self, pong: Bytes) {
        self.pong = Some(self.left + self.frames.len() as u64);
        self.push(pong);
    }

    /// Puts a pong in the place of one that waits, or appends it if none does: only the newest
    /// ping needs an answer (RFC 6455, section 5.5.3), so pings cannot fill a blocked queue.
    pub fn replace_pong(&mut self, pong: Bytes) {
        let place = self.pong.and_then(|number| number.checked_sub(self.left));
        let place = place.filter(|&place| place > 0 || self.sent == 0);
        let waiting = place.and_then(|place| self.frames.get_mut(usize::try_from(place).ok()?));
        match waiting {
            Some(old) => {
                self.unsent = self.unsent - old.len() + pong.len();
                *old = pong;
            }
            None => self.push_pong(pong),
        }
    }

    /// Fills `slices` with what is to be sent next and returns how many there are.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; FRAMES_PER_WRITE]) -> usize {
        for (slice, frame) in slices.iter_mut().zip(&self.frames) {
            *slice = IoSlice::new(frame);
        }
        if let Some(first) = self.frames.front() {
            slices[0] = IoSlice::new(&first[self.sent..]);
        }
        self.frames.len().min(FRAMES_PER_WRITE)
    }

    /// Appends all that is to be sent to `bytes`.
    pub fn copy_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.first());
        self.frames.iter().skip(1).for_each(|frame| bytes.extend_from_slice(frame));
    }

    /// The rest of the first frame.
    #[must_use]
    pub fn first(&self) -> &[u8] {
        self.frames.front().map_or(&[], |first| &first[self.sent..])
    }

    /// Marks `bytes` as sent and returns how many frames that completed.
    pub fn advance(&mut self, bytes: usize) -> u64 {
        let mut completed = 0;
        self.unsent -= bytes;
        self.sent += bytes;
        while let Some(first) = self.frames.front()
            && self.sent >= first.len()
        {
            self.sent -= first.len();
            self.frames.pop_front();
            self.left += 1;
            completed += u64::from(!mem::take(&mut self.pinned));
        }
        completed
    }

    /// Drops all but what must be finished for the peer to understand what comes next.
    pub fn drop_whole_frames(&mut self) {
        let keep = usize::from(self.sent > 0 || self.pinned);
        self.frames.truncate(keep);
        self.unsent = self.first().len();
        self.pong = None;
    }

    /// Makes a used queue like new, keeping a little of its room.
    pub fn reset(&mut self) {
        const FRAMES_KEPT: usize = FRAMES_PER_WRITE;
        let mut frames = mem::take(&mut self.frames);
        frames.clear();
        frames.shrink_to(FRAMES_KEPT);
        *self = Self { frames, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(frames: &[&'static str]) -> Queue {
        let mut queue = Queue::default();
        for frame in frames {
            queue.push(Bytes::from_static(frame.as_bytes()));
        }
        queue
    }

    fn next(queue: &Queue) -> Vec<String> {
        let mut slices = [IoSlice::new(&[]); FRAMES_PER_WRITE];
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
    fn a_write_takes_64_frames_and_not_65() {
        let mut queue = queue(&["x"; 64]);
        assert_eq!(next(&queue).len(), 64);
        queue.push(Bytes::from_static(b"y"));
        assert_eq!(next(&queue).len(), 64);
        queue.advance(64);
        assert_eq!(next(&queue), ["y"]);
    }

    #[test]
    fn only_the_newest_pong_waits() {
        let pong = |text: &'static str| Bytes::from_static(text.as_bytes());
        let mut queue = queue(&["abc"]);
        queue.replace_pong(pong("one"));
        queue.push(pong("d"));
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
        queue.push(Bytes::from_static(b"frame"));
        queue.drop_whole_frames();
        assert_eq!(next(&queue), ["101"]);
        assert_eq!(queue.advance(3), 0, "it is no frame");
        queue.push(Bytes::from_static(b"frame"));
        queue.drop_whole_frames();
        assert!(queue.is_empty());
    }

    #[test]
    fn a_reset_queue_is_as_new() {
        let mut queue = queue(&["abc"; 1000]);
        queue.advance(1);
        queue.reset();
        assert!(queue.is_empty() && queue.bytes() == 0 && queue.frames.capacity() <= 128);
    }
}
