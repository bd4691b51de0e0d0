//! From the text of a value to the value, or to what would have been allowed.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// A value, or a sentence that says what is allowed.
pub type Parsed<T> = Result<T, String>;

/// A whole number within `range`.
pub fn number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Parsed<T>
where
    T: FromStr + PartialOrd + Display,
{
    move |text| {
        // `parse` takes a leading plus sign.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits && range.contains(&number) => Ok(number),
            _ => Err(format!("must be a whole number from {} to {}", range.start(), range.end())),
        }
    }
}

/// `true` or `false`, also as `1`, `0`, `yes`, `no`, `on`, `off`.
pub fn boolean(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// One of `choices`, in any case.
pub fn choice<T: Copy>(choices: &[(&str, T)]) -> impl Fn(&str) -> Parsed<T> {
    move |text| {
        let found = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        found.map(|&(_, value)| value).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|&(name, _)| name).collect();
            format!("must be one of {}", names.join(", "))
        })
    }
}

/// The units of sizes. KB is a thousand, KiB is 1,024.
const UNITS: [(&str, u64); 11] = [
    ("", 1),
    ("b", 1),
    ("kb", 1000),
    ("mb", 1000 * 1000),
    ("gb", 1000 * 1000 * 1000),
    ("tb", 1000 * 1000 * 1000 * 1000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("bytes", 1),
];

/// A number of bytes within `range`: `1048576`, `1MiB`, `64 MiB`. With `zero`, 0 is allowed as well.
pub fn bytes(range: RangeInclusive<u64>, zero: bool) -> impl Fn(&str) -> Parsed<u64> {
    move |text| match size(text) {
        Some(bytes) if range.contains(&bytes) || (zero && bytes == 0) => Ok(bytes),
        _ => {
            let (low, high) = (size_text(*range.start()), size_text(*range.end()));
            let zero = if zero { ", or 0 for no limit" } else { "" };
            Err(format!("must be a size such as 1048576 or 1 MiB, from {low} to {high}{zero}"))
        }
    }
}

fn size(text: &str) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// A size in the largest unit that divides it.
#[must_use]
pub fn size_text(bytes: u64) -> String {
    for (unit, factor) in [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= factor && bytes.is_multiple_of(factor) {
            return format!("{} {unit}", bytes / factor);
        }
    }
    format!("{bytes} bytes")
}

/// A time within `range`, counted in `unit`s of the given length; fractions are allowed and rounded
/// to milliseconds.
pub fn time(
    unit: (&'static str, Duration),
    range: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Parsed<Duration> {
    move |text| {
        let (name, length) = unit;
        // `parse` takes `inf`, `nan` and exponents.
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let count = text.parse::<f64>().ok().filter(|_| plain);
        let time = count.and_then(|count| {
            let millis = (count * length.as_secs_f64() * 1000.0).round();
            Duration::try_from_secs_f64(millis / 1000.0).ok()
        });
        match time {
            Some(time) if range.contains(&time) => Ok(time),
            _ => {
                let shown = |time: &Duration| time.as_secs_f64() / length.as_secs_f64();
                let (low, high) = (shown(range.start()), shown(range.end()));
                Err(format!("must be a number of {name} from {} to {high}", short(low)))
            }
        }
    }
}

/// A fraction with four decimals at most.
fn short(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The parts of a comma separated list, without those that are empty.
pub fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_hold_at_their_bounds() {
        let port = number(1..=65_535_u16);
        assert_eq!(port("1"), Ok(1));
        assert_eq!(port("65535"), Ok(65_535));
        for text in ["0", "65536", "-1", "+1", "1.0", "1_000", "", "tcp://10.0.0.1:6379"] {
            let allowed = port(text).unwrap_err();
            assert_eq!(allowed, "must be a whole number from 1 to 65535", "{text}");
        }
    }

    #[test]
    fn booleans_are_read_in_the_usual_spellings() {
        for text in ["true", "TRUE", "1", "yes", "on"] {
            assert_eq!(boolean(text), Ok(true));
        }
        for text in ["false", "False", "0", "no", "off"] {
            assert_eq!(boolean(text), Ok(false));
        }
        assert!(boolean("maybe").is_err());
    }

    #[test]
    fn a_choice_names_what_there_is() {
        let pick = choice(&[("text", 1), ("json", 2)]);
        assert_eq!(pick("JSON"), Ok(2));
        assert_eq!(pick("xml"), Err("must be one of text, json".to_owned()));
    }

    #[test]
    fn sizes_are_plain_numbers_or_carry_a_unit() {
        let read = bytes(1..=u64::MAX, false);
        for (text, expected) in [
            ("1", 1),
            ("1048576", 1 << 20),
            ("1MiB", 1 << 20),
            ("64 MiB", 64 << 20),
            ("64mib", 64 << 20),
            ("2 KB", 2000),
            ("3 B", 3),
            ("1GiB", 1 << 30),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        for text in
            ["", "MiB", "1.5 MiB", "-1", "1 M", "1 XB", "18446744073709551616", "16777216 TiB"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_hold_at_their_bounds() {
        let read = bytes(1024..=2048, false);
        assert_eq!((read("1024"), read("2 KiB")), (Ok(1024), Ok(2048)));
        assert_eq!(
            read("2049"),
            Err("must be a size such as 1048576 or 1 MiB, from 1 KiB to 2 KiB".to_owned())
        );
        assert!(read("1023").is_err() && read("0").is_err());
        let read = bytes(1024..=2048, true);
        assert_eq!(read("0"), Ok(0));
        assert!(read("1").unwrap_err().ends_with("to 2 KiB, or 0 for no limit"));
    }

    #[test]
    fn times_hold_at_their_bounds() {
        let second = ("seconds", Duration::from_secs(1));
        let read = time(second, Duration::from_millis(100)..=Duration::from_secs(3600));
        assert_eq!(read("0.1"), Ok(Duration::from_millis(100)));
        assert_eq!(read("2.5"), Ok(Duration::from_millis(2500)));
        assert_eq!(read("3600"), Ok(Duration::from_secs(3600)));
        for text in ["0.09", "3600.001", "0", "-1", "1e3", "inf", "NaN", "1s", ".", ""] {
            let allowed = read(text).unwrap_err();
            assert_eq!(allowed, "must be a number of seconds from 0.1 to 3600", "{text}");
        }
    }

    #[test]
    fn hours_may_be_fractions() {
        let hour = ("hours", Duration::from_secs(3600));
        let read = time(hour, Duration::from_secs(1)..=Duration::from_secs(36_000));
        assert_eq!(read("0.5"), Ok(Duration::from_secs(1800)));
        assert_eq!(read("11").unwrap_err(), "must be a number of hours from 0.0003 to 10");
    }

    #[test]
    fn sizes_are_written_in_the_largest_unit_that_divides_them() {
        assert_eq!(size_text(1 << 20), "1 MiB");
        assert_eq!(size_text(1500), "1500 bytes");
        assert_eq!(size_text(3 << 10), "3 KiB");
    }
}
