//! Messages on their way: to Redis in order, or kept here in order when it does not answer in time.

use std::time::Duration;

use super::{Counts, DELIVERY_DEADLINE, Home, Notice, Pending, REMINDER_INTERVAL, Tiered, Turn};
use crate::hub::{Append, Input, Kept, Now, Placed};
use crate::protocol::Position;
use crate::store::{Command, Entry, Fault, Noted, Ticket};

/// Time to the first try to write a journal file that failed; doubled with each further one, for a
/// try may write the whole journal.
const SAVE_PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest such time.
const SAVE_PAUSE_MAX: Duration = Duration::from_secs(60);

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
        // What waits was delivered, be it by an earlier process or so long ago that memory forgot it.
        if let Some((position, noted)) = self.journal.sent_again(&append) {
            let kept = self.kept(noted);
            // Only with what is delivered does it matter what stands before it.
            let placed = Placed { position, previous: Position(0), kept };
            turn.inputs.push(Input::Appended { append, placed, message: None });
            return;
        }
        let local = self.memory.append(now.wall, &append);
        let kept = if journalled && !local.is_duplicate() {
            self.note(now, &append, local.position, turn)
        } else {
            Kept::Memory
        };
        if !local.is_duplicate() {
            count(&mut self.counts, kept);
        }
        let placed = Placed { position: local.position, previous: local.previous, kept };
        turn.inputs.push(Input::Appended { append, placed, message: local.message });
    }

    fn note(&mut self, now: Now, append: &Append, position: Position, turn: &mut Turn) -> Kept {
        // Memory is the store, and the journal only what a Redis that comes later begins with. What is
        // on its way there stays: its answers are for the first messages of the journal.
        if self.is_embedded() && !self.is_replaying() {
            self.journal.make_room(append);
        }
        let noted = self.journal.push(Entry { append: append.clone(), position });
        match noted {
            Noted::Kept => {}
            Noted::Volatile => {
                self.counts.journal_volatile += 1;
                self.check_journal_file(now, turn);
            }
            Noted::Full => self.counts.journal_refused += 1,
        }
        self.kept(noted)
    }

    fn kept(&self, noted: Noted) -> Kept {
        match noted {
            // Nobody asked for a Redis, so nothing is missing while none is there.
            Noted::Kept if self.is_embedded() => Kept::Memory,
            Noted::Kept => Kept::Journal,
            Noted::Volatile | Noted::Full => Kept::Memory,
        }
    }

    /// Looks after a journal file that cannot be written: tries again, ever more seldom, and tells
    /// the log once.
    pub(super) fn check_journal_file(&mut self, now: Now, turn: &mut Turn) {
        if self.journal.trouble().is_none() {
            self.disk.failing = None;
            return;
        }
        let failing = self.disk.failing.get_or_insert(Failing {
            pause: SAVE_PAUSE_MIN,
            retry_due: now.elapsed + SAVE_PAUSE_MIN,
            told: false,
        });
        if now.elapsed >= failing.retry_due {
            failing.pause = (failing.pause * 2).min(SAVE_PAUSE_MAX);
            failing.retry_due = now.elapsed + failing.pause;
            self.journal.save();
        }
        if let Some(error) = self.journal.trouble()
            && !failing.told
            && now.elapsed >= self.disk.quiet_until
        {
            failing.told = true;
            self.disk.quiet_until = now.elapsed + REMINDER_INTERVAL;
            turn.notices.push(Notice::JournalFile { error: error.to_owned() });
        }
    }
}

/// The journal's file, while it cannot be written.
#[derive(Debug, Default)]
pub(super) struct Disk {
    failing: Option<Failing>,
    quiet_until: Duration,
}

#[derive(Debug)]
struct Failing {
    pause: Duration,
    retry_due: Duration,
    /// Whether the log has heard of it.
    told: bool,
}

fn count(counts: &mut Counts, kept: Kept) {
    match kept {
        Kept::Redis => counts.redis += 1,
        Kept::Memory => counts.memory += 1,
        Kept::Journal => counts.journal += 1,
    }
}

#[cfg(test)]
mod tests;
