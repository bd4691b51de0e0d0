//! One client: its socket, how far it is, and what is half-read or half-written.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;

use super::wire;

/// Bytes that may wait for a server that does not read: what is sent beyond is not sent.
const OUT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Asks for something that every server of this protocol answers, so that it is known when a
/// session has been let in: an upgraded v1 session is told nothing.
const HELLO: &[u8] = br#"{"type":"get_rooms"}"#;

/// How far a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// TCP is connecting.
    Connecting,
    /// The upgrade was asked for.
    Upgrading,
    /// Its first question is not answered yet.
    Greeting,
    /// It is in.
    Open,
    /// It is gone.
    Closed,
}

/// What one look at a socket gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Calls to read that gave something.
    pub reads: u64,
    /// Text frames.
    pub texts: u64,
}

/// One client.
#[derive(Debug)]
pub struct Connection {
    /// Its socket.
    pub stream: TcpStream,
    /// How far it is.
    pub state: State,
    /// Whether it stands in the list of those that have something to write.
    pub queued: bool,
    partial: Vec<u8>,
    out: Vec<u8>,
}

impl Connection {
    /// A client that is connecting, and will ask `request`.
    pub fn new(stream: TcpStream, request: String) -> Self {
        let (state, out) = (State::Connecting, request.into_bytes());
        Self { stream, state, queued: false, partial: Vec::new(), out }
    }

    /// Where frames for the server are put; `None` when it is gone or takes nothing.
    pub fn out(&mut self) -> Option<&mut Vec<u8>> {
        let takes = self.state == State::Open && self.out.len() < OUT_BYTES_MAX;
        takes.then_some(&mut self.out)
    }

    /// Writes what the socket takes.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.state == State::Connecting {
            match self.stream.take_error()?.map_or_else(|| self.stream.peer_addr(), Err) {
                Ok(_) => self.state = State::Upgrading,
                Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        let mut written = 0;
        while written < self.out.len() {
            match self.stream.write(&self.out[written..]) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.out.drain(..written);
        Ok(())
    }

    /// Reads until the socket is empty and gives every text frame to `heard`.
    ///
    /// # Errors
    /// Why it is over.
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        heard: &mut impl FnMut(&[u8]),
    ) -> Result<Seen, String> {
        let mut seen = Seen::default();
        loop {
            let kept = self.partial.len();
            buffer[..kept].copy_from_slice(&self.partial);
            self.partial.clear();
            match self.stream.read(&mut buffer[kept..]) {
                Ok(0) => return Err("the server closed the connection".to_owned()),
                Ok(bytes) => {
                    seen.reads += 1;
                    let filled = kept + bytes;
                    self.digest(&buffer[..filled], &mut seen, heard)?;
                    if self.partial.len() == buffer.len() {
                        return Err("a frame of the server is too long".to_owned());
                    }
                    // After a short read the socket is empty, and epoll will tell of more.
                    if filled < buffer.len() {
                        return Ok(seen);
                    }
                }
                Err(error) => {
                    self.partial.extend_from_slice(&buffer[..kept]);
                    match error.kind() {
                        ErrorKind::WouldBlock => return Ok(seen),
                        ErrorKind::Interrupted => {}
                        _ => return Err(error.to_string()),
                    }
                }
            }
        }
    }

    fn digest(
        &mut self,
        mut input: &[u8],
        seen: &mut Seen,
        heard: &mut impl FnMut(&[u8]),
    ) -> Result<(), String> {
        if self.state == State::Upgrading
            && let Some(length) = wire::upgraded(input)?
        {
            input = &input[length..];
            self.state = State::Greeting;
            wire::put(&mut self.out, wire::TEXT, HELLO);
        }
        if matches!(self.state, State::Greeting | State::Open) {
            while let Some(frame) = wire::next(&mut input)? {
                match frame.opcode {
                    wire::TEXT => {
                        self.state = State::Open;
                        seen.texts += 1;
                        heard(frame.payload);
                    }
                    wire::PING => wire::put(&mut self.out, wire::PONG, frame.payload),
                    wire::CLOSE => return Err(farewell(frame.payload)),
                    _ => {}
                }
            }
        }
        self.partial.extend_from_slice(input);
        Ok(())
    }

    /// Whether something waits to be written.
    pub fn has_output(&self) -> bool {
        !self.out.is_empty()
    }
}

fn farewell(payload: &[u8]) -> String {
    match payload.split_first_chunk() {
        Some((code, reason)) => format!(
            "the server closed with {} {}",
            u16::from_be_bytes(*code),
            String::from_utf8_lossy(reason)
        ),
        None => "the server closed without a code".to_owned(),
    }
}
