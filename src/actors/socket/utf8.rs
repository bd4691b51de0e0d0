//! Checks UTF-8 that arrives in pieces, and finds a fault at the first byte that makes it one.

use super::violation::Violation;

/// What was seen so far of one text. A character cut in two is kept: at most three bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Utf8 {
    kept: [u8; 4],
    length: u8,
}

impl Utf8 {
    /// Checks the next piece.
    ///
    /// # Errors
    /// When no further bytes could make valid UTF-8 of what has come.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), Violation> {
        while self.length > 0 {
            let Some((&byte, rest)) = piece.split_first() else { return Ok(()) };
            piece = rest;
            self.kept[usize::from(self.length)] = byte;
            self.length += 1;
            let kept = self.kept;
            // Leaves the cut character in place, or nothing when the byte completed it.
            self.take(&kept[..usize::from(self.length)])?;
        }
        self.take(piece)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let cut = match std::str::from_utf8(bytes) {
            Ok(_) => &[],
            Err(error) if error.error_len().is_none() => &bytes[error.valid_up_to()..],
            Err(_) => return Err(Violation::InvalidUtf8),
        };
        self.kept[..cut.len()].copy_from_slice(cut);
        self.length = u8::try_from(cut.len()).expect("a cut character has at most three bytes");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pieces: &[&[u8]]) -> Result<(), Violation> {
        let mut utf8 = Utf8::default();
        for piece in pieces {
            utf8.push(piece)?;
        }
        if utf8.length == 0 { Ok(()) } else { Err(Violation::InvalidUtf8) }
    }

    #[test]
    fn a_text_may_be_cut_anywhere() {
        let text = "κόσμε 𝄞 \u{10ffff} \u{7f}\u{80}\u{7ff}\u{800}\u{ffff}".as_bytes();
        for one in 0..=text.len() {
            for other in one..=text.len() {
                assert_eq!(check(&[&text[..one], &text[one..other], &text[other..]]), Ok(()));
            }
        }
    }

    #[test]
    fn a_fault_is_found_at_its_first_byte() {
        // (what may begin a character, the byte that makes it impossible)
        let faults: [(&[u8], u8); 7] = [
            (b"", 0xc0),
            (b"", 0xf5),
            (b"\xe0", 0x9f),
            (b"\xed", 0xa0),
            (b"\xf0", 0x8f),
            (b"\xf4", 0x90),
            (b"\xf0\x9d\x84", b'x'),
        ];
        for (start, byte) in faults {
            let mut utf8 = Utf8::default();
            utf8.push(b"fine ").unwrap();
            for &good in start {
                utf8.push(&[good]).unwrap();
            }
            assert_eq!(utf8.push(&[byte]), Err(Violation::InvalidUtf8), "{start:x?} {byte:x}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn pieces_are_judged_like_the_whole(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..12),
                "\\PC{0,12}".prop_map(String::into_bytes),
            ],
            cuts in prop::collection::vec(0usize..48, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            prop_assert_eq!(check(&pieces).is_ok(), std::str::from_utf8(&bytes).is_ok());
        }
    }
}
