//! Pages of history: from Redis, or from the hot window while it is away.

use std::time::Duration;

use super::{Tiered, Turn};
use crate::hub::{History, Input, Now, Read, StoreError};
use crate::store::{Command, Fault, Ticket};

/// How long a Redis that is away is asked for what only it has: read-only, full or slow, it answers.
const READ_PATIENCE: Duration = Duration::from_secs(1);

/// A read that Redis was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    read: Read,
    since: Duration,
}

impl Tiered {
    pub(super) fn read(&mut self, now: Now, read: Read, turn: &mut Turn) {
        if self.is_embedded() || self.outage.is_some() && self.memory.holds(&read.conversation) {
            return self.read_here(now, read, turn);
        }
        let ticket = self.next_ticket();
        turn.commands.push(Command::Read { ticket, read: read.clone() });
        self.reads.insert(ticket, Asked { read, since: now.elapsed });
    }

    pub(super) fn read_answered(
        &mut self,
        now: Now,
        ticket: Ticket,
        result: Result<History, Fault>,
        turn: &mut Turn,
    ) {
        // Answered from the hot window before, when Redis went away.
        let Some(Asked { read, .. }) = self.reads.remove(&ticket) else { return };
        match result {
            Ok(history) => {
                let degraded = history.degraded || self.outage.is_some();
                let result = Ok(History { degraded, ..history });
                turn.inputs.push(Input::Loaded { read, result });
            }
            Err(Fault::Busy(_)) => self.read_here(now, read, turn),
            Err(Fault::Away(reason)) => {
                self.read_here(now, read, turn);
                self.lose_redis(now, reason, turn);
            }
            Err(Fault::Refused(_)) => {
                turn.inputs.push(Input::Loaded { read, result: Err(StoreError::Unavailable) });
            }
        }
    }

    pub(super) fn answer_reads_here(&mut self, now: Now, turn: &mut Turn) {
        for Asked { read, .. } in std::mem::take(&mut self.reads).into_values() {
            self.read_here(now, read, turn);
        }
    }

    /// Gives up on reads for which a Redis that is away takes too long.
    pub(super) fn check_reads(&mut self, now: Now, turn: &mut Turn) {
        while self.outage.is_some()
            && let Some(oldest) = self.reads.first_entry()
            && now.elapsed >= oldest.get().since + READ_PATIENCE
        {
            let Asked { read, .. } = oldest.remove();
            self.read_here(now, read, turn);
        }
    }

    /// Serves what memory has. As a hot window it can say nothing of a conversation that it never saw.
    fn read_here(&self, now: Now, read: Read, turn: &mut Turn) {
        let degraded = !self.is_embedded();
        let result = if !degraded || self.memory.holds(&read.conversation) {
            let history = self.memory.read(now.wall, &read.conversation, &read.page);
            Ok(History { degraded, ..history })
        } else {
            Err(StoreError::Unavailable)
        };
        turn.inputs.push(Input::Loaded { read, result });
    }
}
