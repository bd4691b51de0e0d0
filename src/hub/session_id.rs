//! Names one connection for the life of the process.

use std::fmt;

/// One connection. Never used again in the same process, so an event of an old session cannot touch
/// a newer one.
///
/// The worker that owns the socket stands in the top bits: a sorted list of sessions is grouped by
/// worker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

const SLOT_BITS: u32 = 20;
const SERIAL_BITS: u32 = 34;

impl SessionId {
    /// Slots that one worker can have.
    pub const SLOTS_MAX: usize = 1 << SLOT_BITS;
    /// Workers that can be told apart.
    pub const WORKERS_MAX: usize = 1 << (64 - SLOT_BITS - SERIAL_BITS);

    /// The `serial`-th session of `worker`, which lives in its `slot`.
    ///
    /// # Panics
    /// When a number is out of its range: the caller bounds its workers and slots, and 2^34
    /// sessions per worker are more than a process lives to see.
    #[must_use]
    pub fn new(worker: usize, serial: u64, slot: usize) -> Self {
        assert!(worker < Self::WORKERS_MAX && slot < Self::SLOTS_MAX && serial < 1 << SERIAL_BITS);
        Self((worker as u64) << (SLOT_BITS + SERIAL_BITS) | serial << SLOT_BITS | slot as u64)
    }

    /// The worker that owns the socket.
    #[must_use]
    pub fn worker(self) -> usize {
        (self.0 >> (SLOT_BITS + SERIAL_BITS)) as usize
    }

    /// The place among the worker's sockets.
    #[must_use]
    pub fn slot(self) -> usize {
        (self.0 & (Self::SLOTS_MAX as u64 - 1)) as usize
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let serial = self.0 >> SLOT_BITS & ((1 << SERIAL_BITS) - 1);
        write!(f, "{}.{serial}", self.worker())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
