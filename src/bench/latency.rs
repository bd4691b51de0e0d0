//! How long messages took.

use hdrhistogram::Histogram;
use serde::Serialize;

/// An hour in microseconds; what took longer counts as that.
const LONGEST: u64 = 3_600_000_000;

/// Times of any number of messages, kept to three digits.
#[derive(Debug)]
pub struct Latency(Histogram<u64>);

/// What a run is judged by, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of all took no longer.
    pub p50: f64,
    /// 9 of 10 took no longer.
    pub p90: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// 999 of 1000 took no longer.
    pub p99_9: f64,
    /// None took longer.
    pub max: f64,
}

impl Latency {
    /// Nothing yet.
    pub fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST, 3).expect("bounds that are in order"))
    }

    /// Takes in one time.
    pub fn record(&mut self, nanos: u64) {
        self.0.saturating_record(nanos / 1000);
    }

    /// What was taken in so far; zeros when nothing was.
    pub fn percentiles(&self) -> Percentiles {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1000.0;
        Percentiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: self.0.max() as f64 / 1000.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64) -> bool {
        (value - expected).abs() <= expected * 0.001
    }

    #[test]
    fn percentiles_are_exact_to_three_digits() {
        let mut latency = Latency::new();
        for millis in 1..=1000 {
            latency.record(millis * 1_000_000);
        }
        let found = latency.percentiles();
        for (value, expected) in [
            (found.p50, 500.0),
            (found.p90, 900.0),
            (found.p99, 990.0),
            (found.p99_9, 999.0),
            (found.max, 1000.0),
        ] {
            assert!(near(value, expected), "{value} is not {expected}");
        }
    }

    #[test]
    fn no_messages_have_no_latency_and_the_slowest_is_not_dropped() {
        let mut latency = Latency::new();
        assert_eq!(latency.percentiles(), Percentiles::default());
        latency.record(u64::MAX);
        assert!(near(latency.percentiles().p50, 3_600_000.0));
    }
}
