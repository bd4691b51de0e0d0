//! What happened between this process and Redis, for the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Numbers that only grow, shared with whoever shows them.
        #[derive(Debug, Default)]
        pub struct RedisCounters { $($(#[$doc])* pub $name: AtomicU64,)* }

        impl RedisCounters {
            /// Each number with its name.
            #[must_use]
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.load(Ordering::Relaxed)),)*]
            }
        }
    };
}

counters! {
    /// Messages sent to be stored.
    appends,
    /// Pages asked for.
    reads,
    /// Facts told, those told again included.
    facts,
    /// Expiries renewed.
    renewals,
    /// Purges asked for.
    purges,
    /// Probes.
    probes,
    /// Pipelines of writes sent.
    batches,
    /// Commands that failed because Redis was away.
    away,
    /// Commands that Redis refused.
    refused,
    /// Commands turned away because the lane or the read queue was full.
    full,
    /// Times that all connections were dropped.
    disconnects,
}

pub(super) fn add(counter: &AtomicU64, number: usize) {
    counter.fetch_add(number as u64, Ordering::Relaxed);
}
