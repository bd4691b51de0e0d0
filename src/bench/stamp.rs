//! What the content of a message says of it: who sent it, which of his it is, and when it was to be
//! sent. Digits at fixed places, found by a mark, so that no JSON is parsed.

use std::sync::LazyLock;

use memchr::memmem::Finder;

const MARK: &[u8] = b"~b~";
const SENDER_DIGITS: usize = 6;
const SEQUENCE_DIGITS: usize = 8;
/// 78 hours of nanoseconds.
const NANOS_DIGITS: usize = 12;
/// The shortest content.
pub const STAMP_BYTES: usize = MARK.len() + SENDER_DIGITS + SEQUENCE_DIGITS + NANOS_DIGITS;

static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(MARK));

/// What is stamped on a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The number of the client that sent it.
    pub sender: usize,
    /// Its number among the messages of this sender.
    pub sequence: u32,
    /// When it was to be sent, in nanoseconds since the run began.
    pub nanos: u64,
}

impl Stamp {
    /// Writes it to the beginning of `place`, which has [`STAMP_BYTES`].
    pub fn write(&self, place: &mut [u8]) {
        let (mark, rest) = place.split_at_mut(MARK.len());
        let (sender, rest) = rest.split_at_mut(SENDER_DIGITS);
        let (sequence, nanos) = rest.split_at_mut(SEQUENCE_DIGITS);
        mark.copy_from_slice(MARK);
        write(self.sender as u64, sender);
        write(self.sequence.into(), sequence);
        write(self.nanos, &mut nanos[..NANOS_DIGITS]);
    }

    /// Finds it in the text of a frame; `None` if it is no message of a generator.
    pub fn find(text: &[u8]) -> Option<Self> {
        let at = FINDER.find(text)? + MARK.len();
        let digits = text.get(at..at + STAMP_BYTES - MARK.len())?;
        let (sender, rest) = digits.split_at(SENDER_DIGITS);
        let (sequence, nanos) = rest.split_at(SEQUENCE_DIGITS);
        Some(Self {
            sender: usize::try_from(read(sender)?).ok()?,
            sequence: u32::try_from(read(sequence)?).ok()?,
            nanos: read(nanos)?,
        })
    }
}

fn write(mut value: u64, place: &mut [u8]) {
    for digit in place.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

fn read(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, &digit| {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(nibble))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_found_again_wherever_it_stands() {
        let stamp = Stamp { sender: 0xff_ffff, sequence: u32::MAX, nanos: (1 << 48) - 1 };
        let other = Stamp { sender: 7, sequence: 0, nanos: 1 };
        for stamp in [stamp, other] {
            let mut content = [b'x'; STAMP_BYTES + 3];
            stamp.write(&mut content);
            let text = [br#"{"payload":{"content":""#, &content[..], br#""}}"#].concat();
            assert_eq!(Stamp::find(&text), Some(stamp));
        }
    }

    #[test]
    fn what_is_no_stamp_is_none() {
        let mut content = [0; STAMP_BYTES];
        Stamp { sender: 1, sequence: 2, nanos: 3 }.write(&mut content);
        assert_eq!(Stamp::find(&content[..STAMP_BYTES - 1]), None);
        content[STAMP_BYTES - 1] = b'"';
        assert_eq!(Stamp::find(&content), None);
        assert_eq!(Stamp::find(br#"{"type":"rooms_list"}"#), None);
    }
}
