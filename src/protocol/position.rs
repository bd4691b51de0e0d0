//! The position: one number for a message's time, its place in the conversation and its cursor.

use chrono::DateTime;

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
        String::from_utf8_lossy(&self.rfc3339()).into_owned()
    }

    /// [`Self::to_rfc3339`] without an allocation, in ASCII: every message is written with it.
    #[must_use]
    pub fn rfc3339(self) -> [u8; 27] {
        let micros = self.0.min(Self::MAX.0);
        let (seconds, days) = (micros / 1_000_000 % 86_400, micros / 86_400_000_000);
        let (year, month, day) = date(days);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let mut put = |from: usize, digits: usize, mut value: u64| {
            for digit in text[from..from + digits].iter_mut().rev() {
                *digit += (value % 10) as u8;
                value /= 10;
            }
        };
        put(0, 4, year);
        put(5, 2, month);
        put(8, 2, day);
        put(11, 2, seconds / 3600);
        put(14, 2, seconds / 60 % 60);
        put(17, 2, seconds % 60);
        put(20, 6, micros % 1_000_000);
        text
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

/// Year, month and day of the Gregorian calendar, so many days after 1970-01-01. The years are
/// counted from March, so that the leap day comes last (`civil_from_days` of Howard Hinnant,
/// <https://howardhinnant.github.io/date_algorithms.html>).
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_PER_ERA: u64 = 146_097;
    let days = days + 719_468;
    let (era, of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;

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
    fn every_day_and_time_is_written_as_chrono_writes_it() {
        let check = |position: Position| {
            let time = DateTime::from_timestamp_micros(position.0.cast_signed()).unwrap();
            let expected = time.to_rfc3339_opts(SecondsFormat::Micros, true);
            assert_eq!(position.to_rfc3339(), expected, "{position:?}");
        };
        // A step of a prime number of microseconds, a little under a day: every day until 2300 and
        // later about one in 23, at ever other times.
        let mut position = Position(0);
        while position < Position::MAX {
            check(position);
            position.0 += if position.0 < 10_413_792_000_000_000 {
                86_399_999_963
            } else {
                1_999_999_999_999
            };
        }
        check(Position::MAX);
        assert_eq!(Position(u64::MAX).rfc3339(), Position::MAX.rfc3339());
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
