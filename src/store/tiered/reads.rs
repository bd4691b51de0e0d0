//! Pages of history: from Redis, or from the hot window while it is away.

use super::{Home, Tiered, Turn};
use crate::hub::{History, Input, Now, Read, StoreError};
use crate::store::{Command, Fault, Ticket};

impl Tiered {
    pub(super) fn read(&mut self, now: Now, read: Read, turn: &mut Turn) {
        if self.home == Home::Memory || self.outage.is_some() {
            return self.read_here(now, read, turn);
        }
        let ticket = self.next_ticket();
        turn.commands.push(Command::Read { ticket, read: read.clone() });
        self.reads.insert(ticket, read);
    }

    pub(super) fn read_answered(
        &mut self,
        now: Now,
        ticket: Ticket,
        result: Result<History, Fault>,
        turn: &mut Turn,
    ) {
        // Answered from the hot window before, when Redis went away.
        let Some(read) = self.reads.remove(&ticket) else { return };
        match result {
            Ok(history) => turn.inputs.push(Input::Loaded { read, result: Ok(history) }),
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
        for read in std::mem::take(&mut self.reads).into_values() {
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
