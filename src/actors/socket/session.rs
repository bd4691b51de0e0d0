//! One connection: its socket, what is half-read from it and what waits to be written to it.

use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use actix_http::ws::OpCode;
use bytes::Bytes;
use tokio::net::TcpStream;

use super::frame;
use super::liveness::{Pulse, State};
use super::outbox::{Bundle, Outbox};
use super::queue::{BUNDLES_PER_WRITE, Queue};
use super::reader::Reader;
use super::{Counters, SocketConfig};
use crate::hub::SessionId;

/// Bytes that one socket may take in one turn before others have theirs.
const WRITE_BYTES_PER_TURN: usize = 256 * 1024;

/// A queue up to this is copied together and sent in one piece: for small frames that is cheaper
/// than to give the kernel a list of them.
const COPY_BYTES_MAX: usize = 16 * 1024;

/// What all sessions of a worker share.
#[derive(Debug)]
pub struct Common {
    /// The bounds.
    pub config: Arc<SocketConfig>,
    /// Where the worker's deliveries come from; it also counts.
    pub outbox: Outbox,
    /// Time since the worker began, as of this turn.
    pub now: Duration,
    /// Queues that are not in use: an idle session has none.
    #[expect(clippy::vec_box, reason = "sessions hold a pointer, so that idle ones are small")]
    pub spare: Vec<Box<Queue>>,
    /// Where queues are copied together.
    pub scratch: Vec<u8>,
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Wakes its task.
    pub waker: Option<Waker>,
    /// What is half-read.
    pub reader: Reader,
    /// What is half-written, and the socket.
    pub writer: Writer,
    /// How far it is.
    pub phase: Phase,
    /// When it was heard of.
    pub pulse: Pulse,
    /// Whether it is in the worker's list of those that were given something in this turn.
    pub touched: bool,
    /// Whether it is in the worker's list of those that wait for the application.
    pub held: bool,
    /// Whether it is not read: it is about to be closed, or the client has closed its side.
    pub deaf: bool,
}

/// How far a connection is. Only in the first phase does the application know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Messages go both ways.
    Open,
    /// The server sent a close and reads on for that of the client alone.
    Closing {
        /// When it was sent.
        since: Duration,
    },
    /// All is said. What is queued is written, then the sending side is shut down; what still
    /// comes is thrown away until the client closes too, because closing a socket with unread
    /// bytes makes TCP throw away what was sent (RFC 9293, section 3.6.1).
    Leaving {
        /// When the end began.
        since: Duration,
        /// Whether the sending side is shut down.
        shut: bool,
    },
}

/// How a write went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Nothing waits any more.
    All,
    /// The socket takes no more for now.
    Blocked,
    /// The socket may take more, but it is the turn of others.
    Paused,
}

/// The sending side of a connection.
#[derive(Debug)]
pub struct Writer {
    /// The socket.
    pub stream: TcpStream,
    queue: Option<Box<Queue>>,
    /// Since when the socket took nothing, while something waits. The session's task goes on
    /// with it then, and nobody else writes.
    blocked: Option<Duration>,
}

impl Session {
    /// How it is, as far as time is concerned.
    #[must_use]
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Open => State::Open { blocked: self.writer.blocked, held: self.held },
            Phase::Closing { since } | Phase::Leaving { since, .. } => State::Ending { since },
        }
    }

    /// Lets its task look at it.
    pub fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

impl Writer {
    /// Nothing waits for `stream` yet.
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, queue: None, blocked: None }
    }

    /// Bytes that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.bytes())
    }

    /// Bundles that wait.
    #[must_use]
    pub fn bundles(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.bundles())
    }

    /// Whether more waits than may. One frame alone never is too much, however large: the limit is
    /// for what piles up behind it.
    #[must_use]
    pub fn is_over(&self, bytes_max: usize) -> bool {
        self.bytes() > bytes_max && self.queue.as_ref().is_some_and(|queue| !queue.is_one_frame())
    }

    /// Whether the session's task is to go on writing.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// Queues what is to be sent.
    pub fn push(&mut self, bundle: Bundle, common: &mut Common) {
        if !bundle.bytes.is_empty() {
            self.queue(common).push(bundle);
        }
    }

    /// Queues the answer to the handshake, in front of all frames.
    pub fn push_answer(&mut self, answer: Bytes, common: &mut Common) {
        self.queue(common).push_pinned(answer);
    }

    /// Answers a ping.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn pong(&mut self, payload: &[u8], common: &mut Common) -> io::Result<()> {
        let pong = frame::encode(OpCode::Pong, payload);
        if self.is_blocked() {
            self.queue(common).replace_pong(pong);
            return Ok(());
        }
        self.queue(common).push_pong(pong);
        // Pings may come by the thousand in one read.
        if self.bundles() >= BUNDLES_PER_WRITE { self.write(common).map(drop) } else { Ok(()) }
    }

    /// Drops what waits, but for the rest of a frame that is half-sent.
    pub fn drop_whole_frames(&mut self) {
        if let Some(queue) = &mut self.queue {
            queue.drop_whole_frames();
        }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// When the socket is broken. Such a socket is always ready to be written to, so the session
    /// must end.
    pub fn write(&mut self, common: &mut Common) -> io::Result<Written> {
        let Some(queue) = &mut self.queue else { return Ok(Written::All) };
        let Common { outbox, scratch, now, .. } = common;
        let counters = outbox.counters();
        let mut budget = WRITE_BYTES_PER_TURN;
        while !queue.is_empty() {
            match write_once(&self.stream, queue, scratch) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => {
                    self.blocked = None;
                    counters.bytes_out(bytes as u64);
                    counters.frames_out(queue.advance(bytes));
                    budget = budget.saturating_sub(bytes);
                    if budget == 0 && !queue.is_empty() {
                        self.blocked = Some(*now);
                        return Ok(Written::Paused);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked.get_or_insert(*now);
                    return Ok(Written::Blocked);
                }
                Err(error) => return Err(error),
            }
        }
        self.blocked = None;
        common.give_back(self.queue.take());
        Ok(Written::All)
    }

    fn queue(&mut self, common: &mut Common) -> &mut Queue {
        self.queue.get_or_insert_with(|| common.spare.pop().unwrap_or_default())
    }
}

impl Common {
    /// Keeps an empty queue for the next session that needs one.
    fn give_back(&mut self, queue: Option<Box<Queue>>) {
        const SPARE_MAX: usize = 1024;
        if let Some(mut queue) = queue
            && self.spare.len() < SPARE_MAX
        {
            queue.reset();
            self.spare.push(queue);
        }
    }

    /// Where to count.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        self.outbox.counters()
    }
}

fn write_once(stream: &TcpStream, queue: &Queue, scratch: &mut Vec<u8>) -> io::Result<usize> {
    if queue.bundles() == 1 {
        return stream.try_write(queue.first());
    }
    if queue.bytes() <= COPY_BYTES_MAX {
        scratch.clear();
        queue.copy_to(scratch);
        return stream.try_write(scratch);
    }
    let mut slices = [IoSlice::new(&[]); BUNDLES_PER_WRITE];
    let count = queue.slices(&mut slices);
    stream.try_write_vectored(&slices[..count])
}
