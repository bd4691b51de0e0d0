//! Repeatable randomness: the seed comes from outside, so that a test can replay what happened.

use uuid::Uuid;

use super::Now;
use crate::protocol::MessageId;

/// SplitMix64 (Steele, Lea and Flood 2014): one add and a mix per number, any seed is good.
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, every one as likely as the others to within 2^-64 × `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.next()) * bound as u128;
        usize::try_from(product >> 64).expect("below bound, which is a usize")
    }

    /// A UUIDv7: its first 48 bits are the time.
    pub(super) fn message_id(&mut self, now: Now) -> MessageId {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.next().to_le_bytes());
        random[8..].copy_from_slice(&self.next().to_le_bytes()[..2]);
        let uuid =
            uuid::Builder::from_unix_timestamp_millis(now.wall.0 / 1000, &random).into_uuid();
        let mut text = Uuid::encode_buffer();
        MessageId::new(uuid.hyphenated().encode_lower(&mut text)).expect("a UUID is an id")
    }
}
