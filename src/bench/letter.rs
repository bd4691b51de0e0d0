//! A chat message as it goes out: written once, stamped each time.

use super::stamp::{STAMP_BYTES, Stamp};
use super::wire;

/// One sender's message, whole but for its stamp.
pub struct Letter {
    frame: Vec<u8>,
    stamp_at: usize,
}

impl Letter {
    /// `address` is the field of the envelope that says whom it is for; `size` the bytes of its
    /// content, at least those of a stamp.
    pub fn new(address: &str, size: usize) -> Self {
        let head = format!(r#"{{"type":"chat_message",{address},"payload":{{"content":""#);
        let text = format!(r#"{head}{}"}}}}"#, "x".repeat(size));
        let mut frame = Vec::new();
        wire::put(&mut frame, wire::TEXT, text.as_bytes());
        let stamp_at = frame.len() - text.len() + head.len();
        Self { frame, stamp_at }
    }

    /// Appends it.
    pub fn put(&self, stamp: Stamp, out: &mut Vec<u8>) {
        let at = out.len() + self.stamp_at;
        out.extend_from_slice(&self.frame);
        stamp.write(&mut out[at..at + STAMP_BYTES]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_a_frame_with_a_stamp_and_a_content_of_the_size() {
        let letter = Letter::new(r#""room":"r""#, 100);
        let stamp = Stamp { sender: 3, sequence: 4, nanos: 5 };
        let mut out = b"before".to_vec();
        letter.put(stamp, &mut out);
        // Masked with zeros, so that only the header differs from a frame of a server.
        let text = &out[b"before".len() + 8..];
        assert_eq!(Stamp::find(text), Some(stamp));
        let frame: serde_json::Value = serde_json::from_slice(text).unwrap();
        assert_eq!((&frame["type"], &frame["room"]), (&"chat_message".into(), &"r".into()));
        assert_eq!(frame["payload"]["content"].as_str().unwrap().len(), 100);
    }
}
