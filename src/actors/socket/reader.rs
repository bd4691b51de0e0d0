//! Turns the bytes of one client into messages: frames put together, control frames between them,
//! text checked. Pure: it is fed bytes and calls back.
//!
//! It holds nothing while no message is half-read. What it holds is bounded by what the client has
//! really sent of a message that is within its limit.

use std::mem;
use std::ops::ControlFlow::{self, Break, Continue};

use actix_http::ws::OpCode;
use actix_web_actors::ws::CloseReason;

use super::closing;
use super::frame::{HEADER_BYTES_MAX, Header, is_control, unmask};
use super::utf8::Utf8;
use super::violation::Violation;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole text message.
    Text(&'a str),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// A ping, to be answered with the same payload.
    Ping(&'a [u8]),
    /// A pong; what it answers does not matter.
    Pong,
    /// The end. What follows it is of no interest.
    Close(Option<CloseReason>),
}

/// How the bytes are to be read.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Longest message in bytes, over all its fragments.
    pub message_bytes_max: usize,
    /// Whether a close frame was sent: messages are skipped without being kept.
    pub skip_messages: bool,
}

/// The state between two reads.
#[derive(Debug, Default)]
pub struct Reader {
    partial: Option<Box<Partial>>,
}

#[derive(Debug, Default)]
struct Partial {
    head: [u8; HEADER_BYTES_MAX],
    head_length: u8,
    frame: Option<Current>,
    control: Vec<u8>,
    message: Option<Message>,
}

#[derive(Debug, Clone, Copy)]
struct Current {
    header: Header,
    done: u64,
}

#[derive(Debug)]
struct Message {
    bytes: Vec<u8>,
    /// For text only.
    utf8: Option<Utf8>,
}

impl Reader {
    /// Reads all of `input`, which is unmasked in place, unless `sink` breaks off.
    ///
    /// # Errors
    /// At the first byte that breaks a rule. Nothing may be read after that.
    pub fn read(
        &mut self,
        mut input: &mut [u8],
        rules: Rules,
        sink: &mut impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<(), Violation> {
        loop {
            if !self.within_frame() {
                let Some(header) = self.header(&mut input)? else { break };
                if !rules.skip_messages {
                    self.admit(&header, rules.message_bytes_max)?;
                }
                if self.is_alone(&header) && header.length <= input.len() as u64 {
                    let payload = take(&mut input, header.length);
                    unmask(payload, header.mask, 0);
                    if emit(header.opcode, payload, rules, sink)?.is_break() {
                        return Ok(());
                    }
                    continue;
                }
                self.begin(header, rules);
            }
            match self.piece(&mut input, rules, sink)? {
                Some(Continue(())) => {}
                Some(Break(())) => return Ok(()),
                None => break,
            }
        }
        if self.partial.as_ref().is_some_and(|partial| partial.is_empty()) {
            self.partial = None;
        }
        Ok(())
    }

    /// Bytes that are kept for a message that is not whole yet.
    #[cfg(test)]
    fn kept(&self) -> usize {
        let Some(partial) = &self.partial else { return 0 };
        let message = partial.message.as_ref().map_or(0, |message| message.bytes.capacity());
        mem::size_of::<Partial>() + partial.control.capacity() + message
    }

    fn within_frame(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.frame.is_some())
    }

    /// Takes a header from the input, together with what was kept of it.
    fn header(&mut self, input: &mut &mut [u8]) -> Result<Option<Header>, Violation> {
        if let Some(partial) = self.partial.as_mut().filter(|partial| partial.head_length > 0) {
            while let Some(&mut byte) = input.first_mut() {
                take(input, 1);
                partial.head[usize::from(partial.head_length)] = byte;
                partial.head_length += 1;
                let head = &partial.head[..usize::from(partial.head_length)];
                if let Some(header) = Header::decode(head)? {
                    partial.head_length = 0;
                    return Ok(Some(header));
                }
            }
            return Ok(None);
        }
        let header = Header::decode(input)?;
        if let Some(header) = header {
            take(input, header.bytes as u64);
        } else if !input.is_empty() {
            let partial = self.partial.get_or_insert_default();
            partial.head[..input.len()].copy_from_slice(input);
            partial.head_length = u8::try_from(input.len()).expect("14 bytes are a whole header");
            take(input, partial.head_length.into());
        }
        Ok(header)
    }

    /// Whether the frame is legal after those before it, and its message not too long.
    fn admit(&self, header: &Header, message_bytes_max: usize) -> Result<(), Violation> {
        if is_control(header.opcode) {
            return Ok(());
        }
        let message = self.partial.as_ref().and_then(|partial| partial.message.as_ref());
        if message.is_some() != (header.opcode == OpCode::Continue) {
            return Err(Violation::Protocol);
        }
        let before = message.map_or(0, |message| message.bytes.len() as u64);
        if before + header.length > message_bytes_max as u64 {
            return Err(Violation::TooBig);
        }
        Ok(())
    }

    /// Whether the frame means something without those before or after it.
    fn is_alone(&self, header: &Header) -> bool {
        is_control(header.opcode) || header.last && header.opcode != OpCode::Continue
    }

    /// Starts a frame whose payload is not all there or belongs to a longer message.
    fn begin(&mut self, header: Header, rules: Rules) {
        let partial = self.partial.get_or_insert_default();
        partial.frame = Some(Current { header, done: 0 });
        if rules.skip_messages {
            partial.message = None;
        } else if matches!(header.opcode, OpCode::Text | OpCode::Binary) {
            let utf8 = (header.opcode == OpCode::Text).then(Utf8::default);
            partial.message = Some(Message { bytes: Vec::new(), utf8 });
        }
    }

    /// Takes what there is of the current frame; `None` when that is not all of it.
    fn piece(
        &mut self,
        input: &mut &mut [u8],
        rules: Rules,
        sink: &mut impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Option<ControlFlow<()>>, Violation> {
        let partial = self.partial.as_mut().expect("begin() made it");
        let Current { header, done } = partial.frame.as_mut().expect("begin() set it");
        let header = *header;
        let piece = take(input, (header.length - *done).min(input.len() as u64));
        unmask(piece, header.mask, *done);
        *done += piece.len() as u64;
        let ended = *done == header.length;
        if ended {
            partial.frame = None;
        }
        if is_control(header.opcode) {
            partial.control.extend_from_slice(piece);
            let control = if ended { mem::take(&mut partial.control) } else { return Ok(None) };
            return emit(header.opcode, &control, rules, sink).map(Some);
        }
        if rules.skip_messages {
            partial.message = None;
            return Ok(ended.then_some(Continue(())));
        }
        let message = partial.message.as_mut().expect("admit() let no continuation in without");
        if let Some(utf8) = &mut message.utf8 {
            utf8.push(piece)?;
        }
        message.bytes.extend_from_slice(piece);
        if !(ended && header.last) {
            return Ok(ended.then_some(Continue(())));
        }
        let Message { bytes, utf8 } = partial.message.take().expect("it was there just now");
        let opcode = if utf8.is_some() { OpCode::Text } else { OpCode::Binary };
        emit(opcode, &bytes, rules, sink).map(Some)
    }
}

impl Partial {
    fn is_empty(&self) -> bool {
        self.head_length == 0 && self.frame.is_none() && self.message.is_none()
    }
}

/// Hands on a whole message or control frame.
fn emit(
    opcode: OpCode,
    payload: &[u8],
    rules: Rules,
    sink: &mut impl FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Violation> {
    Ok(sink(match opcode {
        OpCode::Text | OpCode::Binary if rules.skip_messages => return Ok(Continue(())),
        OpCode::Text => {
            Event::Text(std::str::from_utf8(payload).map_err(|_| Violation::InvalidUtf8)?)
        }
        OpCode::Binary => Event::Binary(payload),
        OpCode::Ping => Event::Ping(payload),
        OpCode::Pong => Event::Pong,
        OpCode::Close => Event::Close(closing::parse(payload)?),
        OpCode::Continue | OpCode::Bad => unreachable!("is_alone() and decode() sort these out"),
    }))
}

/// Splits `length` bytes, which are there, off the front of `input`.
fn take<'a>(input: &mut &'a mut [u8], length: u64) -> &'a mut [u8] {
    let length = usize::try_from(length).expect("the callers compared it to the input's length");
    let (front, rest) = mem::take(input).split_at_mut(length);
    *input = rest;
    front
}

#[cfg(test)]
pub(super) mod tests;
