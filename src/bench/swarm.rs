//! All clients, on one thread.

use std::io;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};

use super::BenchError;
use super::connection::{Connection, State};
use super::target::Target;

const BUFFER_BYTES: usize = 256 * 1024;
const EVENTS_PER_TURN: usize = 1024;
/// Stands for no client.
const WAKER: Token = Token(usize::MAX);

/// The clients of a run, numbered from 0 in the order of connecting.
pub struct Swarm {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    buffer: Box<[u8]>,
    /// Clients that have something to write.
    queued: Vec<usize>,
    began: Instant,
    counts: Counts,
    first_fault: Option<(usize, String)>,
}

/// What has happened to the clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Clients that are in, or were.
    pub let_in: usize,
    /// Clients that are gone.
    pub closed: usize,
    /// Calls to read that gave something.
    pub reads: u64,
    /// Text frames.
    pub texts: u64,
}

impl Swarm {
    /// No clients yet.
    pub fn new() -> Result<Self, BenchError> {
        let poll = Poll::new().map_err(|error| BenchError::System("polling", error))?;
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_TURN),
            connections: Vec::new(),
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            queued: Vec::new(),
            began: Instant::now(),
            counts: Counts::default(),
            first_fault: None,
        })
    }

    /// Nanoseconds since the run began.
    pub fn now(&self) -> u64 {
        nanos_since(self.began)
    }

    /// When the run began.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Wakes [`Self::turn`] from another thread.
    pub fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), WAKER)
    }

    /// How many clients there are, gone ones included.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// What has happened so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The first client that went, and why.
    pub fn first_fault(&self) -> Option<&(usize, String)> {
        self.first_fault.as_ref()
    }

    /// Begins to connect one more client; `query` tells the server who it is.
    pub fn connect(&mut self, target: &Target, query: &str) -> io::Result<()> {
        let mut stream = TcpStream::connect(target.address)?;
        stream.set_nodelay(true)?;
        let token = Token(self.connections.len());
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, token, interest)?;
        self.connections.push(Connection::new(stream, target.request(query)));
        Ok(())
    }

    /// Lets `fill` append frames to what a client has to send; they go out with the next turn.
    /// False when the client is gone or takes nothing.
    pub fn send(&mut self, client: usize, fill: impl FnOnce(&mut Vec<u8>)) -> bool {
        let connection = &mut self.connections[client];
        let Some(out) = connection.out() else { return false };
        fill(out);
        if !connection.queued {
            connection.queued = true;
            self.queued.push(client);
        }
        true
    }

    /// Writes what waits, waits up to `timeout` for sockets to have something, and gives every text
    /// frame to `heard`: the client, the text, and when it came.
    pub fn turn(
        &mut self,
        timeout: Duration,
        heard: &mut impl FnMut(usize, &[u8], u64),
    ) -> Result<(), BenchError> {
        self.flush();
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(BenchError::System("polling", error));
            }
            _ => {}
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in events.iter().filter(|event| event.token() != WAKER) {
            let client = event.token().0;
            let result = self.attend(client, event.is_readable(), heard);
            if let Err(reason) = result {
                self.close(client, reason);
            }
        }
        self.events = events;
        Ok(())
    }

    fn flush(&mut self) {
        let mut queued = std::mem::take(&mut self.queued);
        for client in queued.drain(..) {
            let connection = &mut self.connections[client];
            connection.queued = false;
            if connection.state != State::Closed
                && let Err(error) = connection.flush()
            {
                self.close(client, error.to_string());
            }
        }
        self.queued = queued;
    }

    fn attend(
        &mut self,
        client: usize,
        readable: bool,
        heard: &mut impl FnMut(usize, &[u8], u64),
    ) -> Result<(), String> {
        let Self { connections, buffer, began, counts, .. } = self;
        let connection = &mut connections[client];
        if connection.state == State::Closed {
            return Ok(());
        }
        if readable {
            let before = connection.state;
            let now = nanos_since(*began);
            let seen = connection.read(buffer, &mut |text| heard(client, text, now))?;
            counts.reads += seen.reads;
            counts.texts += seen.texts;
            counts.let_in += usize::from(before != State::Open && connection.state == State::Open);
        }
        if connection.has_output() {
            connection.flush().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn close(&mut self, client: usize, reason: String) {
        let connection = &mut self.connections[client];
        connection.state = State::Closed;
        // Fails only when it is gone already.
        drop(connection.stream.shutdown(std::net::Shutdown::Both));
        self.counts.closed += 1;
        self.first_fault.get_or_insert((client, reason));
    }
}

fn nanos_since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
