//! What is asked of Redis and what comes back: the words between the store's decisions, which are
//! pure, and the connections, which are not.

use std::time::Duration;

use crate::hub::{Append, Conversation, Fact, History, Read};
use crate::protocol::Position;

/// Ties an answer to its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// How long and how much of a conversation is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// A message older than this is gone (`MESSAGE_TTL_HOURS`); a conversation without activity too.
    pub age: Duration,
    /// Messages kept per conversation (`HISTORY_MAX_MESSAGES`).
    pub count: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age: Duration::from_secs(24 * 3600), count: 1000 }
    }
}

/// What Redis is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Store a message. Appends are carried out in the order given.
    ///
    /// With `at`, a replay: the message keeps the time that its receivers saw and stands at that
    /// position, or behind the last one if Redis holds a later one.
    Append { ticket: Ticket, append: Append, at: Option<Position> },
    /// Read a page.
    Read { ticket: Ticket, read: Read },
    /// Note a fact. Facts are carried out in the order given and answered only when they fail.
    Tell(Fact),
    /// Remove what is older than the retention.
    Purge(Conversation),
    /// Say whether Redis answers and takes writes.
    ///
    /// After a failed append all later ones are refused, lest one overtake the failed one; `resume`
    /// ends that. Only who has seen the failure may ask for it.
    Probe { resume: bool },
}

/// What Redis answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Command::Append`]: position, the position before it, and whether it was there already.
    Appended { ticket: Ticket, result: Result<(Position, Position, bool), Fault> },
    /// To [`Command::Read`].
    Loaded { ticket: Ticket, result: Result<History, Fault> },
    /// To [`Command::Probe`].
    Probed(Result<Probe, Fault>),
    /// A [`Command::Tell`] (then with its fact) or [`Command::Purge`] failed.
    Failed { fact: Option<Fact>, fault: Fault },
}

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The time of the round trip.
    pub latency: Duration,
    /// Whether the mark of the last probe was gone: Redis was flushed, or restarted without its
    /// data, and must be told all facts again. Always true for the first probe.
    pub forgot: bool,
}

/// Why Redis did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It cannot do anything now: refused, timed out, cut, overloaded queue, or an answer such as
    /// READONLY, LOADING, OOM, MISCONF, MASTERDOWN, NOAUTH, WRONGPASS, NOPERM, CLUSTERDOWN.
    #[error("{0}")]
    Away(String),
    /// It was not asked, for too much waits for it already: that says nothing about it.
    #[error("{0}")]
    Busy(String),
    /// It does not do this one thing (a key of another type, say); asking again would not help.
    #[error("{0}")]
    Refused(String),
}
