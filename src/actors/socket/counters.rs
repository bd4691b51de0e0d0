//! What one worker counts, for whoever shows it. Each worker has its own, so counting is cheap.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::protocol::CloseCode;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Written by one worker thread, read by anybody.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($name: AtomicU64,)*
            closes: [AtomicU64; CloseCode::ALL.len() + 1],
        }

        /// All counters at one moment, of one worker or of several.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
            /// Sessions ended, by the code of the close frame that the server sent first or
            /// answered with; `None` for all codes that are not in the table, and for connections
            /// that ended without a close.
            pub closes: Vec<(Option<CloseCode>, u64)>,
        }

        impl Counters {
            /// The state of all counters now.
            #[must_use]
            pub fn counts(&self) -> Counts {
                let codes = CloseCode::ALL.iter().copied().map(Some).chain([None]);
                Counts {
                    $($name: self.$name.load(Relaxed),)*
                    closes: codes.zip(self.closes.iter().map(|n| n.load(Relaxed))).collect(),
                }
            }

            $(pub(super) fn $name(&self, count: u64) {
                self.$name.fetch_add(count, Relaxed);
            })*
        }

        impl std::iter::Sum for Counts {
            fn sum<I: Iterator<Item = Self>>(mut all: I) -> Self {
                let mut sum = all.next().unwrap_or_default();
                for counts in all {
                    $(sum.$name += counts.$name;)*
                    for (sum, counts) in sum.closes.iter_mut().zip(counts.closes) {
                        sum.1 += counts.1;
                    }
                }
                sum
            }
        }
    };
}

counters! {
    /// Sockets that were taken over, refused handshakes included.
    sockets_taken,
    /// Sockets of these that are closed again.
    sockets_closed,
    /// Sessions that were opened.
    sessions_opened,
    /// Sessions of these that ended; their sockets may still be closing.
    sessions_closed,
    /// Bytes read from sockets.
    bytes_in,
    /// Bytes written to sockets.
    bytes_out,
    /// Messages read, after reassembly.
    frames_in,
    /// Frames written, control frames included.
    frames_out,
    /// Sessions closed because they did not take what they were sent.
    overflows,
    /// Sessions closed because they gave no sign of life.
    pongs_missed,
}

impl Counters {
    pub(super) fn closed_with(&self, code: Option<u16>) {
        let known = CloseCode::ALL.iter().position(|known| Some(known.number()) == code);
        self.closes[known.unwrap_or(CloseCode::ALL.len())].fetch_add(1, Relaxed);
    }
}

impl Counts {
    /// Sockets that are open now, those of ended sessions and refused handshakes included.
    #[must_use]
    pub fn sockets_open(&self) -> u64 {
        self.sockets_taken.saturating_sub(self.sockets_closed)
    }

    /// Sessions that are open now.
    #[must_use]
    pub fn sessions_open(&self) -> u64 {
        self.sessions_opened.saturating_sub(self.sessions_closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_are_told_apart_by_code() {
        let counters = Counters::default();
        for code in [Some(1000), Some(4001), Some(4001), Some(3333), None] {
            counters.closed_with(code);
        }
        let both: Counts = [counters.counts(), counters.counts()].into_iter().sum();
        let told: Vec<_> = both.closes.into_iter().filter(|close| close.1 > 0).collect();
        let expected =
            [(Some(CloseCode::Normal), 2), (Some(CloseCode::SlowConsumer), 4), (None, 4)];
        assert_eq!(told, expected);
    }
}
