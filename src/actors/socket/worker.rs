//! All sessions of one worker thread, and what can happen to them; how they end is in `ending`.

mod ending;

use std::io;
use std::mem;
use std::net::Shutdown;
use std::ops::ControlFlow::{Break, Continue};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use slab::Slab;
use socket2::SockRef;
use tokio::net::TcpStream;

use self::ending::{Farewell, Then};
use super::clock::Clock;
use super::liveness::{Pulse, Verdict};
use super::outbox::{Bundle, Delivery, Outbox, Receivers};
use super::queue::BUNDLES_PER_WRITE;
use super::reader::{Event, Reader, Rules};
use super::session::{Common, Phase, Session, Writer, Written};
use super::{Application, SocketConfig};
use crate::hub::SessionId;
use crate::protocol::CloseCode;

/// An empty ping.
const PING: Bytes = Bytes::from_static(&[0x89, 0]);

/// One worker thread's sessions and the application that they talk to.
pub struct Worker<A: Application> {
    pub(super) number: usize,
    pub(super) application: A,
    pub(super) sessions: Slab<Session>,
    pub(super) common: Common,
    clock: Clock,
    /// Slots of sessions that were given something in this turn.
    touched: Vec<usize>,
    /// Sessions to be closed once the application has answered what came before the reason.
    parting: Vec<(SessionId, Farewell<'static>)>,
    /// Sessions that wait until the application is no longer congested.
    held: Vec<SessionId>,
    /// Whether the application was told something since its last flush.
    gathered: bool,
}

impl<A: Application> Worker<A> {
    pub(super) fn new(
        number: usize,
        outbox: Outbox,
        config: Arc<SocketConfig>,
        application: A,
    ) -> Self {
        let clock = Clock::new(config.sweep_interval());
        let (spare, scratch) = (Vec::new(), Vec::new());
        let common = Common { config, outbox, now: Duration::ZERO, spare, scratch };
        Self {
            number,
            application,
            sessions: Slab::new(),
            common,
            clock,
            touched: Vec::new(),
            parting: Vec::new(),
            held: Vec::new(),
            gathered: false,
        }
    }

    /// Reads the clock, once per turn.
    pub(super) fn tick(&mut self) {
        self.common.now = self.clock.look();
    }

    /// Whether one more socket may be taken.
    pub(super) fn has_room(&self) -> bool {
        let max = self.common.config.sockets_max.min(SessionId::SLOTS_MAX);
        self.sessions.len() < max
    }

    /// Takes over a socket whose handshake was accepted, with what was read from it already.
    pub(super) fn open(
        &mut self,
        stream: TcpStream,
        answer: Bytes,
        early: &mut [u8],
        hello: A::Hello,
    ) -> SessionId {
        let id = self.insert(stream, answer, Phase::Open);
        self.common.counters().sessions_opened(1);
        self.application.opened(id, hello);
        self.gather();
        self.write(id.slot());
        if !early.is_empty() && self.get(id).is_some() {
            self.digest(id.slot(), early);
        }
        id
    }

    /// Takes over a socket whose handshake was refused: it is sent the answer and closed.
    pub(super) fn refuse(&mut self, stream: TcpStream, answer: Bytes) -> SessionId {
        let phase = Phase::Leaving { since: self.common.now, shut: false };
        let id = self.insert(stream, answer, phase);
        self.write(id.slot());
        id
    }

    fn insert(&mut self, stream: TcpStream, answer: Bytes, phase: Phase) -> SessionId {
        // Without it small frames would wait for acknowledgements; a socket that refuses the
        // option is broken and says so at the first write.
        let _ = stream.set_nodelay(true);
        let serial = self.common.outbox.next_serial();
        let slot = self.sessions.vacant_key();
        let id = SessionId::new(self.number, serial, slot);
        let mut writer = Writer::new(stream);
        writer.push_answer(answer, &mut self.common);
        let pulse = Pulse::new(self.common.now, serial, self.common.config.ping_interval);
        let reader = Reader::default();
        let (waker, touched, held, deaf) = (None, false, false, false);
        let session = Session { id, waker, reader, writer, phase, pulse, touched, held, deaf };
        self.sessions.insert(session);
        self.common.counters().sockets_taken(1);
        id
    }

    /// The session of this name, if its socket is still there.
    pub(super) fn get(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(id.slot()).filter(|session| session.id == id)
    }

    /// Takes in bytes of a client.
    pub(super) fn digest(&mut self, slot: usize, input: &mut [u8]) {
        let Self { application, common, .. } = self;
        let Session { id, reader, writer, phase, pulse, .. } = &mut self.sessions[slot];
        common.counters().bytes_in(input.len() as u64);
        pulse.heard = common.now;
        if matches!(phase, Phase::Leaving { .. }) {
            return;
        }
        let open = *phase == Phase::Open;
        let rules =
            Rules { message_bytes_max: common.config.frame_bytes_max, skip_messages: !open };
        let (mut messages, mut broken, mut bye) = (0, false, None);
        let result = reader.read(input, rules, &mut |event| {
            match event {
                Event::Text(text) => {
                    messages += 1;
                    application.text(*id, text);
                }
                Event::Binary(data) => {
                    messages += 1;
                    application.binary(*id, data);
                }
                Event::Ping(payload) if open => {
                    broken = writer.pong(payload, common).is_err();
                    if broken {
                        return Break(());
                    }
                }
                Event::Ping(_) | Event::Pong => {}
                Event::Close(reason) => {
                    bye = Some(reason);
                    return Break(());
                }
            }
            Continue(())
        });
        if messages > 0 {
            common.counters().frames_in(messages);
            self.gather();
        }
        match (result, bye) {
            _ if broken => self.end(slot),
            (Err(_), _) | (_, Some(_)) if !open => self.leave(slot),
            (Err(violation), _) => self.part(slot, Farewell::fail(violation.close_code())),
            (_, Some(reason)) => {
                let code = reason.map(|reason| u16::from(reason.code));
                self.part(slot, Farewell { code, reason: "", then: Then::Leave });
            }
            (Ok(()), None) => self.write(slot),
        }
    }

    /// Does one delivery and returns how many sessions it was for. What is queued is written by
    /// [`Self::write_touched`].
    pub(super) fn apply(&mut self, delivery: Delivery) -> usize {
        match delivery {
            Delivery::Send { to: Receivers::One(session), bundle } => {
                self.push(session, bundle);
                1
            }
            Delivery::Send { to: Receivers::Many(sessions, range), bundle } => {
                for &session in &sessions[range.clone()] {
                    self.push(session, bundle.clone());
                }
                range.len()
            }
            Delivery::Close { session, code, reason } => {
                let open = self.get(session).filter(|session| session.phase == Phase::Open);
                if let Some(open) = open {
                    // Of one that is deaf the close has come already.
                    let then = if open.deaf { Then::Leave } else { Then::AwaitTheirs };
                    let farewell = Farewell { code: Some(code), reason: &reason, then };
                    self.close(session.slot(), farewell);
                }
                1
            }
        }
    }

    fn push(&mut self, id: SessionId, bundle: Bundle) {
        let slot = id.slot();
        let Some(session) = self.sessions.get_mut(slot) else { return };
        if session.id != id || session.phase != Phase::Open {
            return;
        }
        session.writer.push(bundle, &mut self.common);
        if !session.touched {
            session.touched = true;
            self.touched.push(slot);
        }
        let over = session.writer.is_over(self.common.config.queue_bytes_max);
        if over || session.writer.bundles() >= BUNDLES_PER_WRITE {
            self.write(slot);
        }
    }

    /// Writes to all sockets that were given something, each with as few calls as it takes.
    pub(super) fn write_touched(&mut self) {
        let mut touched = mem::take(&mut self.touched);
        for slot in touched.drain(..) {
            if let Some(session) = self.sessions.get_mut(slot) {
                session.touched = false;
                self.write(slot);
            }
        }
        self.touched = touched;
    }

    /// Writes what waits, unless the session's task is at it.
    fn write(&mut self, slot: usize) {
        if self.sessions[slot].writer.is_blocked() {
            self.after_write(slot);
        } else if let Some(Written::Blocked | Written::Paused) = self.write_on(slot)
            && let Some(session) = self.sessions.get(slot)
        {
            session.wake();
        }
    }

    /// Writes what waits, from the session's task when the socket can take more.
    pub(super) fn write_on(&mut self, slot: usize) -> Option<Written> {
        match self.sessions[slot].writer.write(&mut self.common) {
            Ok(written) => {
                self.after_write(slot);
                Some(written)
            }
            Err(_) => {
                self.end(slot);
                None
            }
        }
    }

    fn after_write(&mut self, slot: usize) {
        let session = &mut self.sessions[slot];
        match &mut session.phase {
            Phase::Open if session.writer.is_over(self.common.config.queue_bytes_max) => {
                self.overflow(slot);
            }
            Phase::Leaving { .. } if session.writer.bytes() == 0 && session.deaf => {
                self.end(slot);
            }
            Phase::Leaving { shut, .. } if session.writer.bytes() == 0 && !*shut => {
                *shut = true;
                // Fails only when the connection is gone, which the next read tells.
                let _ = SockRef::from(&session.writer.stream).shutdown(Shutdown::Write);
            }
            _ => {}
        }
    }

    /// Looks at the time of all sessions.
    pub(super) fn sweep(&mut self) {
        for slot in 0..self.sessions.capacity() {
            let Some(session) = self.sessions.get_mut(slot) else { continue };
            let Common { now, config, .. } = &self.common;
            match session.pulse.judge(session.state(), *now, config) {
                Verdict::Wait => {}
                Verdict::Ping => {
                    session.pulse.pinged = *now;
                    session.writer.push(PING.into(), &mut self.common);
                    self.write(slot);
                }
                Verdict::Stalled => self.overflow(slot),
                Verdict::Silent => {
                    self.common.counters().pongs_missed(1);
                    let code = CloseCode::NoSignOfLife;
                    let farewell = Farewell { then: Then::AwaitTheirs, ..Farewell::fail(code) };
                    self.close(slot, farewell);
                }
                Verdict::Overdue => {
                    // Otherwise the kernel would keep the connection, and what waits in it, for
                    // as long as the client acknowledges without reading.
                    let _ = SockRef::from(&session.writer.stream).set_linger(Some(Duration::ZERO));
                    self.end(slot);
                }
            }
        }
    }

    /// Makes a session wait until the application is no longer congested.
    pub(super) fn hold(&mut self, id: SessionId) {
        if let Some(session) = self.get(id)
            && !mem::replace(&mut session.held, true)
        {
            self.held.push(id);
        }
    }

    /// Lets those go on that wait for the application, if it is no longer congested.
    pub(super) fn release(&mut self) {
        if self.held.is_empty() || self.application.congested() {
            return;
        }
        let now = self.common.now;
        for id in mem::take(&mut self.held) {
            if let Some(session) = self.get(id) {
                session.held = false;
                session.pulse.heard = now;
                session.wake();
            }
        }
    }

    /// Arranges for [`Application::flush`] after all sockets that are ready now have been read:
    /// the worker's task is woken after their tasks were.
    fn gather(&mut self) {
        if !mem::replace(&mut self.gathered, true) {
            self.common.outbox.resume();
        }
    }

    /// Lets the application hand on what it gathered.
    pub(super) fn flush(&mut self) {
        if mem::take(&mut self.gathered) {
            self.application.flush();
        }
    }
}

/// For a socket that no place is left for: it is sent what it takes at once, and closed.
pub(super) fn turn_away(stream: &TcpStream, answer: &[u8]) -> io::Result<usize> {
    stream.try_write(answer)
}

#[cfg(test)]
mod tests;
