use proptest::prelude::*;

use super::*;

const RULES: Rules = Rules { message_bytes_max: 1000, skip_messages: false };
const SKIP: Rules = Rules { message_bytes_max: 1000, skip_messages: true };

/// What a reader said, in owned form.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
    Violation(Violation),
}

pub(in super::super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0xa1, 0x00, 0x5e, 0x37];
    let mut frame = vec![first];
    match payload.len() {
        short @ ..126 => frame.push(0x80 | short as u8),
        medium @ ..65_536 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]));
    frame
}

/// Feeds the pieces one by one to a new reader.
fn read(pieces: &[&[u8]], rules: Rules) -> (Vec<Said>, Reader) {
    let mut reader = Reader::default();
    let mut said = Vec::new();
    for piece in pieces {
        let result = reader.read(&mut piece.to_vec(), rules, &mut |event| {
            said.push(match event {
                Event::Text(text) => Said::Text(text.to_owned()),
                Event::Binary(data) => Said::Binary(data.to_vec()),
                Event::Ping(data) => Said::Ping(data.to_vec()),
                Event::Pong => Said::Pong,
                Event::Close(reason) => Said::Close(reason.map(|reason| reason.code.into())),
            });
            if matches!(said.last(), Some(Said::Close(_))) { Break(()) } else { Continue(()) }
        });
        if let Err(violation) = result {
            said.push(Said::Violation(violation));
        }
        if matches!(said.last(), Some(Said::Close(_) | Said::Violation(_))) {
            break;
        }
    }
    (said, reader)
}

fn said(frames: &[Vec<u8>]) -> Vec<Said> {
    let whole = read(&[&frames.concat()], RULES).0;
    let bytes = frames.concat();
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read(&single, RULES).0, whole, "byte by byte as in one piece");
    whole
}

fn text(text: &str) -> Said {
    Said::Text(text.to_owned())
}

#[test]
fn a_message_is_put_together_with_control_frames_between() {
    let frames = [
        frame(0x01, b"one "),
        frame(0x89, b"ping"),
        frame(0x00, b""),
        frame(0x8a, b""),
        frame(0x80, b"two"),
        frame(0x82, b"\xff"),
    ];
    let expected =
        [Said::Ping(b"ping".to_vec()), Said::Pong, text("one two"), Said::Binary(vec![0xff])];
    assert_eq!(said(&frames), expected);
}

#[test]
fn an_empty_message_is_a_message() {
    assert_eq!(said(&[frame(0x81, b"")]), [text("")]);
    assert_eq!(said(&[frame(0x01, b""), frame(0x00, b""), frame(0x80, b"")]), [text("")]);
}

#[test]
fn nothing_is_kept_when_nothing_is_half_read() {
    let bytes = [frame(0x01, b"one "), frame(0x89, b"x"), frame(0x80, b"two")].concat();
    for cut in 0..=bytes.len() {
        let (_, reader) = read(&[&bytes[..cut], &bytes[cut..]], RULES);
        assert_eq!(reader.kept(), 0, "cut at {cut}");
    }
}

#[test]
fn a_long_announcement_reserves_nothing() {
    let rules = Rules { message_bytes_max: 1 << 40, ..RULES };
    let head = [0x82, 0xff, 0, 0, 0, 0x80, 0, 0, 0, 0, 1, 2, 3, 4, 5];
    let (said, reader) = read(&[&head], rules);
    assert!(said.is_empty() && reader.kept() < 500, "{} bytes", reader.kept());
}

#[test]
fn a_continuation_needs_a_start_and_a_start_an_end() {
    let broken = [Said::Violation(Violation::Protocol)];
    assert_eq!(said(&[frame(0x80, b"x")]), broken);
    assert_eq!(said(&[frame(0x00, b"x")]), broken);
    assert_eq!(said(&[frame(0x01, b"x"), frame(0x81, b"y")]), broken);
    assert_eq!(said(&[frame(0x02, b"x"), frame(0x01, b"y")]), broken);
}

#[test]
fn a_message_may_be_as_long_as_the_limit_and_no_longer() {
    let long = vec![b'x'; 1000];
    assert_eq!(said(&[frame(0x82, &long)]), [Said::Binary(long.clone())]);
    let parts = [frame(0x02, &long[..400]), frame(0x00, &long[..600]), frame(0x80, b"")];
    assert_eq!(said(&parts), [Said::Binary(long.clone())]);

    let too_big = [Said::Violation(Violation::TooBig)];
    let longer = frame(0x82, &vec![b'x'; 1001]);
    assert_eq!(read(&[&longer[..8]], RULES).0, too_big, "the header is enough");
    let parts = [frame(0x02, &long[..400]), frame(0x80, &long[..601])];
    assert_eq!(said(&parts), too_big);
    let huge = [0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0];
    assert_eq!(read(&[&huge], RULES).0, too_big);
    let fragment_first = [frame(0x02, b"x"), huge.to_vec()].concat();
    let mut fragment_first = fragment_first;
    fragment_first[7] = 0x80;
    assert_eq!(read(&[&fragment_first], RULES).0, too_big);
}

#[test]
fn text_is_refused_at_the_byte_that_breaks_it() {
    let whole = frame(0x81, b"ab\xf4\x90\x80\x80cd");
    for end in 0..whole.len() {
        let (said, _) = read(&[&whole[..end]], RULES);
        let expected: &[Said] =
            if end < 6 + 4 { &[] } else { &[Said::Violation(Violation::InvalidUtf8)] };
        assert_eq!(said, expected, "{end} bytes");
    }
    let parts = [frame(0x01, b"\xf0\x9d"), frame(0x80, b"\x84\x9e")];
    assert_eq!(said(&parts), [text("𝄞")]);
    let parts = [frame(0x01, b"\xf0\x9d"), frame(0x80, b"\x84")];
    assert_eq!(said(&parts), [Said::Violation(Violation::InvalidUtf8)]);
    assert_eq!(said(&[frame(0x82, b"\xf4\x90")]), [Said::Binary(b"\xf4\x90".to_vec())]);
}

#[test]
fn nothing_follows_a_close() {
    let frames = [frame(0x88, b"\x03\xe8bye"), frame(0x81, b"more")];
    assert_eq!(said(&frames), [Said::Close(Some(1000))]);
    assert_eq!(said(&[frame(0x88, b"")]), [Said::Close(None)]);
    assert_eq!(said(&[frame(0x88, b"\x03")]), [Said::Violation(Violation::Protocol)]);
    let broken = said(&[frame(0x88, b"\x03\xe8\xff")]);
    assert_eq!(broken, [Said::Violation(Violation::InvalidUtf8)]);
}

#[test]
fn after_our_close_messages_are_skipped_until_theirs() {
    let long = vec![b'x'; 5000];
    let frames = [
        frame(0x01, &long),
        frame(0x89, b"p"),
        frame(0x80, b"\xff"),
        frame(0x81, b"\xff"),
        frame(0x80, &long),
        frame(0x88, b"\x03\xe8"),
    ];
    let bytes = frames.concat();
    for size in [1, 7, 100, 20_000] {
        let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        let (said, _) = read(&pieces, SKIP);
        assert_eq!(said, [Said::Ping(b"p".to_vec()), Said::Close(Some(1000))]);
    }
    let (_, reader) = read(&[&frames[0][..2000]], SKIP);
    assert!(reader.kept() < 500);
}

#[test]
fn a_half_read_message_is_dropped_when_the_rest_is_skipped() {
    let mut bytes = frame(0x81, &[b'x'; 900]);
    let (first, second) = bytes.split_at_mut(500);
    let mut reader = Reader::default();
    reader.read(first, RULES, &mut |_| Continue(())).unwrap();
    assert!(reader.kept() > 400);
    reader.read(&mut second[..100], SKIP, &mut |_| Continue(())).unwrap();
    assert!(reader.kept() < 400);
    reader.read(&mut second[100..], SKIP, &mut |_| Continue(())).unwrap();
    assert_eq!(reader.kept(), 0);
}

/// A message cut into fragments, with a ping after each fragment that has one.
fn message() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<Said>)> {
    let payload = prop_oneof![
        "\\PC{0,40}".prop_map(|text| (true, text.into_bytes())),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|data| (false, data)),
    ];
    let cuts = prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..4);
    (payload, cuts).prop_map(|((is_text, payload), cuts)| {
        let mut ends: Vec<(usize, bool)> =
            cuts.iter().map(|(cut, ping)| (cut.index(payload.len() + 1), *ping)).collect();
        ends.sort_unstable();
        ends.push((payload.len(), false));
        let last = ends.len() - 1;
        let (mut frames, mut said, mut start) = (Vec::new(), Vec::new(), 0);
        for (i, (end, ping)) in ends.into_iter().enumerate() {
            let opcode = if i > 0 { 0 } else { 2 - u8::from(is_text) };
            frames.push(frame(opcode | if i == last { 0x80 } else { 0 }, &payload[start..end]));
            if ping {
                frames.push(frame(0x89, &[i as u8]));
                said.push(Said::Ping(vec![i as u8]));
            }
            start = end;
        }
        said.push(match String::from_utf8(payload) {
            Ok(text) if is_text => Said::Text(text),
            Ok(text) => Said::Binary(text.into_bytes()),
            Err(error) => Said::Binary(error.into_bytes()),
        });
        (frames, said)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn frames_cut_anywhere_give_the_same_messages(
        messages in prop::collection::vec(message(), 0..5),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (frames, expected): (Vec<_>, Vec<_>) = messages.into_iter().unzip();
        let bytes = frames.concat().concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        let (said, reader) = read(&pieces, RULES);
        prop_assert_eq!(said, expected.concat());
        prop_assert_eq!(reader.kept(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// 300 runs of 1,000 short inputs, mostly of bytes that may begin a frame.
    #[test]
    fn garbage_never_panics(seed in any::<u64>()) {
        let mut state = seed | 1;
        let mut random = move || {
            // xorshift64 (Marsaglia 2003)
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..1_000 {
            let mut bytes: Vec<u8> = (0..random() % 40).map(|_| random() as u8).collect();
            for i in (0..bytes.len()).step_by(7) {
                bytes[i] = [0x01, 0x81, 0x82, 0x00, 0x80, 0x89, 0x88][random() as usize % 7];
                if let Some(second) = bytes.get_mut(i + 1) {
                    *second = 0x80 | (random() % 4) as u8;
                }
            }
            let cut = random() as usize % (bytes.len() + 1);
            let rules = if random().is_multiple_of(4) { SKIP } else { RULES };
            let (whole, _) = read(&[&bytes], rules);
            prop_assert_eq!(read(&[&bytes[..cut], &bytes[cut..]], rules).0, whole);
        }
    }
}
