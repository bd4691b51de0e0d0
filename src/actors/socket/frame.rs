//! The header of one WebSocket frame and its masking (RFC 6455, section 5.2); no state, no sockets.

use actix_http::ws::OpCode;
use bytes::Bytes;

use super::violation::Violation;

/// The longest header that a client can send: two bytes, eight of length, four of mask.
pub const HEADER_BYTES_MAX: usize = 14;
/// The longest payload of a close, ping or pong (RFC 6455, section 5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

/// The header of a frame from a client, checked for all that it can be checked for by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the payload is.
    pub opcode: OpCode,
    /// Whether it ends its message.
    pub last: bool,
    /// What its payload is masked with.
    pub mask: [u8; 4],
    /// Bytes of payload that follow.
    pub length: u64,
    /// Bytes of the header itself.
    pub bytes: usize,
}

impl Header {
    /// The header at the beginning of `input`, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// As soon as the bytes that are there cannot be the beginning of a legal frame of a client.
    pub fn decode(input: &[u8]) -> Result<Option<Self>, Violation> {
        let Some(&first) = input.first() else { return Ok(None) };
        let last = first & 0x80 != 0;
        let opcode = OpCode::from(first & 0x0f);
        // No extension is ever negotiated, so nobody may set a reserved bit.
        if first & 0x70 != 0 || opcode == OpCode::Bad || is_control(opcode) && !last {
            return Err(Violation::Protocol);
        }
        let Some(&second) = input.get(1) else { return Ok(None) };
        let short = second & 0x7f;
        if second & 0x80 == 0 || is_control(opcode) && usize::from(short) > CONTROL_BYTES_MAX {
            return Err(Violation::Protocol);
        }
        let (length, start) = match short {
            126 => (input.get(2..4).map(|bytes| u64::from(u16::from_be_bytes(array(bytes)))), 4),
            127 => (input.get(2..10).map(|bytes| u64::from_be_bytes(array(bytes))), 10),
            short => (Some(u64::from(short)), 2),
        };
        let Some(length) = length else { return Ok(None) };
        if length > i64::MAX as u64 {
            return Err(Violation::Protocol);
        }
        let Some(mask) = input.get(start..start + 4).map(array) else { return Ok(None) };
        Ok(Some(Self { opcode, last, mask, length, bytes: start + 4 }))
    }
}

/// Whether frames of this kind may come between the fragments of a message.
#[must_use]
pub fn is_control(opcode: OpCode) -> bool {
    matches!(opcode, OpCode::Close | OpCode::Ping | OpCode::Pong)
}

/// Applies `mask` to bytes that stand `offset` bytes into their payload. Twice is not at all.
pub fn unmask(bytes: &mut [u8], mask: [u8; 4], offset: u64) {
    let turn = (offset % 4) as usize;
    let mask: [u8; 4] = std::array::from_fn(|i| mask[(turn + i) % 4]);
    let wide = u64::from_ne_bytes(std::array::from_fn(|i| mask[i % 4]));
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let word = u64::from_ne_bytes(array(chunk)) ^ wide;
        chunk.copy_from_slice(&word.to_ne_bytes());
    }
    for (i, byte) in chunks.into_remainder().iter_mut().enumerate() {
        *byte ^= mask[i % 4];
    }
}

/// A whole unmasked frame, as servers send them.
#[must_use]
pub fn encode(opcode: OpCode, payload: &[u8]) -> Bytes {
    let (mut header, length) = crate::protocol::text_header(payload.len());
    header[0] = 0x80 | u8::from(opcode);
    let mut frame = Vec::with_capacity(length + payload.len());
    frame.extend_from_slice(&header[..length]);
    frame.extend_from_slice(payload);
    Bytes::from(frame)
}

/// A whole text frame.
#[must_use]
pub fn text(text: &str) -> Bytes {
    encode(OpCode::Text, text.as_bytes())
}

/// A whole binary frame.
#[must_use]
pub fn binary(data: &[u8]) -> Bytes {
    encode(OpCode::Binary, data)
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the callers slice exactly N bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(input: &[u8]) -> Result<Option<Header>, Violation> {
        Header::decode(input)
    }

    #[test]
    fn a_header_needs_all_of_its_bytes() {
        for whole in [
            vec![0x81, 0x85, 1, 2, 3, 4],
            vec![0x82, 0xfe, 1, 0, 1, 2, 3, 4],
            vec![0x01, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4],
        ] {
            for end in 0..whole.len() {
                assert_eq!(decode(&whole[..end]), Ok(None), "{end} of {whole:?}");
            }
            let header = decode(&whole).unwrap().unwrap();
            assert_eq!((header.bytes, header.mask), (whole.len(), [1, 2, 3, 4]));
        }
    }

    #[test]
    fn lengths_are_read_in_their_three_forms() {
        let length = |input: &[u8]| decode(input).unwrap().unwrap().length;
        assert_eq!(length(&[0x81, 0xfd, 0, 0, 0, 0]), 125);
        assert_eq!(length(&[0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0]), 65_535);
        assert_eq!(length(&[0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]), 65_536);
    }

    #[test]
    fn what_no_client_may_send_is_seen_at_its_first_byte() {
        let reserved_bits = (1..8).map(|bits| 0x81 | bits << 4);
        let reserved_opcodes = (3..8).chain(11..16).map(|opcode| 0x80 | opcode);
        let fragmented_control = [0x08, 0x09, 0x0a];
        for first in reserved_bits.chain(reserved_opcodes).chain(fragmented_control) {
            assert_eq!(decode(&[first]), Err(Violation::Protocol), "{first:#x}");
        }
    }

    #[test]
    fn what_no_client_may_send_is_seen_at_its_second_byte() {
        assert_eq!(decode(&[0x81, 0x05]), Err(Violation::Protocol), "unmasked");
        assert_eq!(decode(&[0x89, 0xfd]), Ok(None), "125 bytes of ping");
        assert_eq!(decode(&[0x89, 0xfe]), Err(Violation::Protocol), "126 bytes of ping");
        assert_eq!(decode(&[0x88, 0xff]), Err(Violation::Protocol), "a long close");
    }

    #[test]
    fn a_length_above_63_bits_is_refused() {
        let mut input = [0xff; 14];
        input[0] = 0x82;
        assert_eq!(decode(&input), Err(Violation::Protocol));
        input[2] = 0x7f;
        assert_eq!(decode(&input).unwrap().unwrap().length, i64::MAX as u64);
    }

    #[test]
    fn masking_is_the_same_in_one_piece_and_in_many() {
        let mask = [0x12, 0x34, 0x56, 0x78];
        let plain: Vec<u8> = (0..100).collect();
        let expected: Vec<u8> = plain.iter().enumerate().map(|(i, b)| b ^ mask[i % 4]).collect();
        for cut in 0..plain.len() {
            let mut bytes = plain.clone();
            unmask(&mut bytes[..cut], mask, 0);
            unmask(&mut bytes[cut..], mask, cut as u64);
            assert_eq!(bytes, expected, "cut at {cut}");
        }
    }

    #[test]
    fn an_encoded_frame_has_the_shortest_header() {
        assert_eq!(&encode(OpCode::Pong, b"hi")[..], [0x8a, 2, b'h', b'i']);
        assert_eq!(encode(OpCode::Binary, &[7; 126])[..4], [0x82, 126, 0, 126]);
    }
}
