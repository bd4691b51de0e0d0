//! How sessions end.
//!
//! A session leaves [`Phase::Open`] in [`Worker::take_leave`], in [`Worker::end`] or together with
//! its worker; these tell the application, so that it hears of each end exactly once.

use std::mem;

use super::{Application, Phase, Reader, Worker};
use crate::actors::socket::closing;
use crate::hub::SessionId;
use crate::protocol::CloseCode;

/// How the server takes leave of a client.
pub struct Farewell<'a> {
    /// The code in the close frame; without one the frame is empty.
    pub code: Option<u16>,
    /// The text in the close frame.
    pub reason: &'a str,
    /// What comes next.
    pub then: Then,
}

/// What comes after a close frame was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The client's close frame.
    AwaitTheirs,
    /// The end.
    Leave,
}

/// What the application is told.
#[derive(Debug, Clone, Copy)]
enum End {
    Closed,
    Overflowed,
}

impl Farewell<'_> {
    /// For a client that did something wrong.
    pub fn fail(code: CloseCode) -> Self {
        Self { code: Some(code.number()), reason: code.reason(), then: Then::Leave }
    }
}

impl<A: Application> Worker<A> {
    /// Ends a session that does not take what it is sent.
    pub(super) fn overflow(&mut self, slot: usize) {
        self.sessions[slot].writer.drop_whole_frames();
        self.take_leave(slot, Farewell::fail(CloseCode::SlowConsumer), End::Overflowed);
    }

    /// Stops reading from a session, and closes it at the end of the turn: what the application
    /// answers at once to the messages before goes out before the close.
    pub(super) fn part(&mut self, slot: usize, farewell: Farewell<'static>) {
        let session = &mut self.sessions[slot];
        session.deaf = true;
        self.parting.push((session.id, farewell));
        self.gather();
    }

    /// Closes those that are to be parted with.
    pub(in super::super) fn part_now(&mut self) {
        for (id, farewell) in mem::take(&mut self.parting) {
            if self.get(id).is_some_and(|session| session.phase == Phase::Open) {
                self.close(id.slot(), farewell);
            }
        }
    }

    /// Sends a close to an open session, after which the application knows it no more.
    pub(super) fn close(&mut self, slot: usize, farewell: Farewell<'_>) {
        self.take_leave(slot, farewell, End::Closed);
    }

    fn take_leave(&mut self, slot: usize, farewell: Farewell<'_>, end: End) {
        let session = &mut self.sessions[slot];
        debug_assert_eq!(session.phase, Phase::Open);
        let frame = closing::encode(farewell.code, farewell.reason);
        session.writer.push(frame.into(), &mut self.common);
        let since = self.common.now;
        session.phase = match farewell.then {
            Then::AwaitTheirs => Phase::Closing { since },
            Then::Leave => Phase::Leaving { since, shut: false },
        };
        if farewell.then == Then::Leave {
            session.reader = Reader::default();
        }
        session.deaf = false;
        // It may have waited for this, or for the application.
        session.wake();
        let id = session.id;
        self.common.counters().closed_with(farewell.code);
        self.tell(id, end);
        self.write(slot);
    }

    /// The client has closed its side. What waits for it is still written if the end has begun.
    pub(in super::super) fn end_of_input(&mut self, slot: usize) {
        let session = &mut self.sessions[slot];
        if session.phase == Phase::Open || session.writer.bytes() == 0 {
            self.end(slot);
        } else {
            session.deaf = true;
            self.leave(slot);
        }
    }

    /// The client's close has come, or what it sends can no longer be read.
    pub(super) fn leave(&mut self, slot: usize) {
        let session = &mut self.sessions[slot];
        if let Phase::Closing { since } = session.phase {
            session.phase = Phase::Leaving { since, shut: false };
            session.reader = Reader::default();
            self.write(slot);
        }
    }

    /// Closes a socket, whatever its state.
    pub(in super::super) fn end(&mut self, slot: usize) {
        let session = self.sessions.remove(slot);
        if session.phase == Phase::Open {
            self.common.counters().closed_with(None);
            self.tell(session.id, End::Closed);
        }
        self.common.counters().sockets_closed(1);
        session.wake();
    }

    fn tell(&mut self, id: SessionId, end: End) {
        self.common.counters().sessions_closed(1);
        match end {
            End::Closed => self.application.closed(id),
            End::Overflowed => {
                self.common.counters().overflows(1);
                self.application.overflowed(id);
            }
        }
        self.gather();
    }
}

impl<A: Application> Drop for Worker<A> {
    fn drop(&mut self) {
        for session in self.sessions.drain() {
            if session.phase == Phase::Open {
                self.common.counters().sessions_closed(1);
                self.application.closed(session.id);
            }
            self.common.counters().sockets_closed(1);
        }
        self.application.flush();
        self.common.outbox.leave();
    }
}
