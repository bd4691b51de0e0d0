//! A frame as bytes, made once and shared by all who receive it.

use bytes::{Buf, Bytes};
use serde::Serialize;

use super::FrameKind;

/// The longest header of an unmasked WebSocket frame.
const HEADER_BYTES_MAX: usize = 10;

/// The JSON of one frame with its WebSocket header already in front, so that a fan-out neither
/// copies nor frames it again. Clones share the bytes.
#[derive(Debug, Clone)]
pub struct Encoded {
    kind: FrameKind,
    header: u8,
    bytes: Bytes,
}

impl Encoded {
    /// Serialises `frame`.
    pub fn new<T: Serialize>(kind: FrameKind, frame: &T) -> Self {
        let mut buffer = vec![0; HEADER_BYTES_MAX];
        serde_json::to_writer(&mut buffer, frame)
            .expect("frames have string keys and the buffer takes all");
        let (header, length) = text_header(buffer.len() - HEADER_BYTES_MAX);
        let start = HEADER_BYTES_MAX - length;
        buffer[start..HEADER_BYTES_MAX].copy_from_slice(&header[..length]);
        let mut bytes = Bytes::from(buffer);
        // Not `slice`, which would make the bytes shared and then drop the other share.
        bytes.advance(start);
        Self { kind, header: header_bytes(length), bytes }
    }

    /// Joins the parts of a JSON text that is already written.
    #[must_use]
    pub fn join(kind: FrameKind, parts: &[&str]) -> Self {
        Self::concat(kind, parts.iter().map(|part| part.as_bytes()))
    }

    /// Joins the parts of a JSON text, which together are UTF-8, in one allocation.
    pub(super) fn concat<'a>(
        kind: FrameKind,
        parts: impl IntoIterator<Item = &'a [u8], IntoIter: Clone>,
    ) -> Self {
        let parts = parts.into_iter();
        let json = parts.clone().map(<[u8]>::len).sum();
        let (header, length) = text_header(json);
        let mut buffer = Vec::with_capacity(length + json);
        buffer.extend_from_slice(&header[..length]);
        parts.for_each(|part| buffer.extend_from_slice(part));
        Self { kind, header: header_bytes(length), bytes: Bytes::from(buffer) }
    }

    /// The type of the frame.
    #[must_use]
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The JSON text.
    #[must_use]
    pub fn json(&self) -> &str {
        std::str::from_utf8(&self.bytes[usize::from(self.header)..])
            .expect("written from strings and by serde_json")
    }

    /// The JSON text, sharing these bytes.
    #[must_use]
    pub fn json_bytes(&self) -> Bytes {
        self.bytes.slice(usize::from(self.header)..)
    }

    /// The whole WebSocket frame: header and JSON.
    #[must_use]
    pub fn wire(&self) -> &Bytes {
        &self.bytes
    }
}

fn header_bytes(length: usize) -> u8 {
    u8::try_from(length).expect("a header has at most 10 bytes")
}

/// The header of an unmasked, final text frame with `length` bytes, and how many bytes of it count
/// (RFC 6455, section 5.2).
#[must_use]
pub fn text_header(length: usize) -> ([u8; HEADER_BYTES_MAX], usize) {
    let mut header = [0; HEADER_BYTES_MAX];
    header[0] = 0x81;
    if let Ok(short) = u8::try_from(length)
        && short < 126
    {
        header[1] = short;
        (header, 2)
    } else if let Ok(medium) = u16::try_from(length) {
        header[1] = 126;
        header[2..4].copy_from_slice(&medium.to_be_bytes());
        (header, 4)
    } else {
        header[1] = 127;
        header[2..].copy_from_slice(&(length as u64).to_be_bytes());
        (header, 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_grows_at_126_and_65536_bytes() {
        assert_eq!(&text_header(125).0[..2], [0x81, 125]);
        assert_eq!(&text_header(126).0[..4], [0x81, 126, 0, 126]);
        assert_eq!(&text_header(65_535).0[..4], [0x81, 126, 0xff, 0xff]);
        assert_eq!(&text_header(65_536).0[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn the_json_follows_the_header_without_a_gap() {
        for length in [0, 10, 125, 126, 65_535, 65_536] {
            let text = "x".repeat(length);
            let encoded = Encoded::join(FrameKind::ChatMessage, &[&text]);
            assert_eq!(encoded.json(), text);
            assert_eq!(encoded.wire().len(), length + text_header(length).1);
            let serialised = Encoded::new(FrameKind::ChatMessage, &text);
            let quoted = format!("\"{text}\"");
            let joined = Encoded::join(FrameKind::ChatMessage, &[&quoted]);
            assert_eq!(serialised.wire(), joined.wire());
        }
    }
}
