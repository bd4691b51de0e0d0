//! As much of WebSocket as a generator needs (RFC 6455): frames to a server, frames of a server.

/// Opcodes.
pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A whole frame of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is.
    pub opcode: u8,
    /// What it says.
    pub payload: &'a [u8],
}

/// Takes the first frame off `input`; `None` while it is not whole.
///
/// # Errors
/// When a server may not send this.
pub fn next<'a>(input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, &'static str> {
    let &[first, second, ref rest @ ..] = *input else { return Ok(None) };
    if second & 0x80 != 0 {
        return Err("a frame of the server is masked");
    }
    if first & 0xf0 != 0x80 {
        return Err("a frame of the server is a fragment or uses an extension");
    }
    let (length, rest) = match second {
        126 => match rest.split_first_chunk() {
            Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk() {
            Some((length, rest)) => (u64::from_be_bytes(*length), rest),
            None => return Ok(None),
        },
        short => (u64::from(short), rest),
    };
    if length > rest.len() as u64 {
        return Ok(None);
    }
    let (payload, rest) = rest.split_at(length as usize);
    *input = rest;
    Ok(Some(Frame { opcode: first & 0x0f, payload }))
}

/// Appends the header of a frame with `length` bytes. The mask is zero, so that what follows can be
/// written as it is.
pub fn put_header(out: &mut Vec<u8>, opcode: u8, length: usize) {
    out.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => out.push(0x80 | short),
        (_, Ok(medium)) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
}

/// Appends a whole frame.
pub fn put(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    put_header(out, opcode, payload.len());
    out.extend_from_slice(payload);
}

/// The answer to an upgrade, as far as it has come: how many bytes it takes, or `None` while it is
/// not whole.
///
/// # Errors
/// What the server answered instead.
pub fn upgraded(input: &[u8]) -> Result<Option<usize>, String> {
    const SHOWN_BYTES: usize = 400;
    let Some(end) = memchr::memmem::find(input, b"\r\n\r\n") else { return Ok(None) };
    if input.starts_with(b"HTTP/1.1 101 ") {
        return Ok(Some(end + 4));
    }
    let shown = String::from_utf8_lossy(&input[..input.len().min(SHOWN_BYTES)]);
    Err(format!("the server answered {}", shown.replace("\r\n", " ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::text_header;

    fn of_server(payload: &[u8]) -> Vec<u8> {
        let (header, length) = text_header(payload.len());
        [&header[..length], payload].concat()
    }

    #[test]
    fn frames_are_taken_off_one_by_one_and_a_cut_one_stays() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let mut bytes = of_server(b"first");
            bytes.extend(of_server(&payload));
            let mut input = &bytes[..];
            assert_eq!(next(&mut input).unwrap().unwrap().payload, b"first");
            let whole = input;
            for cut in [0, 1, 2, 3, 9, whole.len() - 1] {
                let mut cut = &whole[..cut.min(whole.len() - 1)];
                assert_eq!(next(&mut cut), Ok(None), "{} of {length}", cut.len());
            }
            let frame = next(&mut input).unwrap().unwrap();
            assert_eq!((frame.opcode, frame.payload.len()), (TEXT, length));
            assert!(input.is_empty());
        }
    }

    #[test]
    fn what_no_server_may_send_is_refused() {
        assert!(next(&mut &[0x81, 0x80, 0, 0, 0, 0][..]).is_err());
        assert!(next(&mut &[0x01, 0x00][..]).is_err());
        assert!(next(&mut &[0xc1, 0x00][..]).is_err());
    }

    #[test]
    fn a_frame_to_the_server_has_the_shortest_length_and_a_mask_of_zeros() {
        let put = |length: usize| {
            let mut out = Vec::new();
            put(&mut out, TEXT, &vec![b'x'; length]);
            out
        };
        assert_eq!(put(1), [0x81, 0x81, 0, 0, 0, 0, b'x']);
        assert_eq!(put(125)[1..6], [0xfd, 0, 0, 0, 0]);
        assert_eq!(put(126)[1..8], [0xfe, 0, 126, 0, 0, 0, 0]);
        assert_eq!(put(65_536)[1..10], [0xff, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn an_upgrade_is_told_from_a_refusal() {
        let answer = b"HTTP/1.1 101 Switching Protocols\r\na: b\r\n\r\n\x81\x00";
        assert_eq!(upgraded(&answer[..20]), Ok(None));
        assert_eq!(upgraded(answer), Ok(Some(answer.len() - 2)));
        let refusal = upgraded(b"HTTP/1.1 403 Forbidden\r\n\r\n{\"code\":1}").unwrap_err();
        assert_eq!(refusal, "the server answered HTTP/1.1 403 Forbidden  {\"code\":1}");
    }
}
