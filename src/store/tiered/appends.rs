//! Messages on their way: to Redis in order, or kept here in order when it does not answer in time.

use super::{Counts, DELIVERY_DEADLINE, Home, Pending, Tiered, Turn};
use crate::hub::{Append, Input, Kept, Now, Placed};
use crate::protocol::Position;
use crate::store::{Command, Entry, Fault, Noted, Ticket};

impl Tiered {
    pub(super) fn append(&mut self, now: Now, append: Append, turn: &mut Turn) {
        if self.home == Home::Memory || self.outage.is_some() {
            return self.keep_here(now, append, self.home == Home::Redis, turn);
        }
        let ticket = self.next_ticket();
        turn.commands.push(Command::Append { ticket, append: append.clone(), at: None });
        let deadline = now.elapsed + DELIVERY_DEADLINE;
        self.pending.push_back(Pending { ticket, append, deadline });
    }

    pub(super) fn append_answered(
        &mut self,
        now: Now,
        ticket: Ticket,
        result: Result<(Position, Position, bool), Fault>,
        turn: &mut Turn,
    ) {
        if self.outage.is_some() {
            // An answer to what is journalled by now decides nothing: the replay is idempotent.
            return self.replay_answered(now, ticket, result, turn);
        }
        match result {
            Ok((position, previous, duplicate)) => {
                debug_assert_eq!(self.pending.front().map(|it| it.ticket), Some(ticket));
                let Some(Pending { append, .. }) = self.pending.pop_front() else { return };
                let message = (!duplicate).then(|| append.draft.at(position));
                if let Some(message) = &message {
                    let Append { conversation, message_id, .. } = &append;
                    self.memory.put(now.wall, conversation, position, message_id, message);
                    self.counts.redis += 1;
                }
                let placed = Placed { position, previous, kept: Kept::Redis };
                turn.inputs.push(Input::Appended { append, placed, message });
            }
            Err(Fault::Away(reason) | Fault::Busy(reason)) => self.lose_redis(now, reason, turn),
            Err(Fault::Refused(reason)) => {
                let Some(Pending { append, .. }) = self.pending.pop_front() else { return };
                self.count_refusal(now, append.conversation.clone(), reason, turn);
                self.keep_here(now, append, false, turn);
            }
        }
    }

    /// Delivers what Redis has not answered in time, and all behind it.
    pub(super) fn check_deadline(&mut self, now: Now, turn: &mut Turn) {
        if self.pending.front().is_some_and(|pending| pending.deadline <= now.elapsed) {
            let reason = format!("no answer within {} ms", DELIVERY_DEADLINE.as_millis());
            self.lose_redis(now, reason, turn);
        }
    }

    /// Keeps all that is on its way to Redis here.
    pub(super) fn keep_pending_here(&mut self, now: Now, turn: &mut Turn) {
        for Pending { append, .. } in std::mem::take(&mut self.pending) {
            self.keep_here(now, append, true, turn);
        }
    }

    /// Puts a message into the memory of this process, and into the journal if Redis is to have it.
    fn keep_here(&mut self, now: Now, append: Append, journalled: bool, turn: &mut Turn) {
        let local = self.memory.append(now.wall, &append);
        let kept = if !journalled {
            Kept::Memory
        } else if local.is_duplicate() {
            self.kept_before(&append)
        } else {
            self.note(&append, local.position)
        };
        if !local.is_duplicate() {
            count(&mut self.counts, kept);
        }
        let placed = Placed { position: local.position, previous: local.previous, kept };
        turn.inputs.push(Input::Appended { append, placed, message: local.message });
    }

    fn kept_before(&self, append: &Append) -> Kept {
        if self.journal.holds(append) && !self.is_embedded() { Kept::Journal } else { Kept::Memory }
    }

    fn note(&mut self, append: &Append, position: Position) -> Kept {
        match self.journal.push(Entry { append: append.clone(), position }) {
            // Nobody asked for a Redis, so nothing is missing while none is there.
            Noted::Kept if self.is_embedded() => Kept::Memory,
            Noted::Kept => Kept::Journal,
            Noted::Volatile | Noted::Full => {
                self.counts.journal_refused += 1;
                Kept::Memory
            }
        }
    }
}

fn count(counts: &mut Counts, kept: Kept) {
    match kept {
        Kept::Redis => counts.redis += 1,
        Kept::Memory => counts.memory += 1,
        Kept::Journal => counts.journal += 1,
    }
}
