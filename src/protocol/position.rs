//! The position: one number for a message's time, its place in the conversation and its cursor.

use chrono::{DateTime, SecondsFormat};

/// Microseconds since the Unix epoch, strictly increasing within one conversation.
///
/// Exact in a double until the year 2255, so it can be the score of a sorted set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
pub struct Position(pub u64);

impl Position {
    /// The latest position that a four-digit year can write (9999-12-31T23:59:59.999999Z).
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// The place of the next message of a conversation whose last one stands here.
    #[must_use]
    pub fn next(self, now: Self) -> Self {
        Self(now.0.max(self.0 + 1))
    }

    /// The same instant as RFC 3339 in UTC with microseconds, always 27 bytes.
    ///
    /// Texts of this form sort as the positions do.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let micros = self.0.min(Self::MAX.0).cast_signed();
        DateTime::from_timestamp_micros(micros)
            .expect("Position::MAX is within the range of chrono")
            .to_rfc3339_opts(SecondsFormat::Micros, true)
    }

    /// Reads any RFC 3339 time; what is finer than a microsecond is cut off.
    ///
    /// `None` for another text and for a time before 1970.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let micros = DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros();
        u64::try_from(micros).ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_and_its_time_are_the_same_instant() {
        let position = Position(1_700_003_600_000_042);
        assert_eq!(position.to_rfc3339(), "2023-11-14T23:13:20.000042Z");
        assert_eq!(Position::parse_rfc3339("2023-11-14T23:13:20.000042Z"), Some(position));
        assert_eq!(Position::parse_rfc3339("2023-11-15T00:13:20.000042+01:00"), Some(position));
        assert_eq!(Position::MAX.to_rfc3339(), "9999-12-31T23:59:59.999999Z");
    }

    #[test]
    fn positions_grow_even_when_the_clock_stands_or_turns_back() {
        let now = Position(1_000);
        assert_eq!(Position(10).next(now), now);
        assert_eq!(now.next(now), Position(1_001));
        assert_eq!(Position(2_000).next(now), Position(2_001));
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for text in ["", "yesterday", "2023-11-14", "1969-12-31T23:59:59Z", "12345"] {
            assert_eq!(Position::parse_rfc3339(text), None, "{text}");
        }
    }
}
