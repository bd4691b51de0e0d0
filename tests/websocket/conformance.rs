//! RFC 6455 as a table: what a client sends, and what it gets until the server closes. Each row is
//! sent in one piece and byte by byte; the answers must be the same.

use crate::websocket::{Client, Frame, Server, close, masked, text};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const TEXT_BEGINS: u8 = 0x01;
const BINARY_BEGINS: u8 = 0x02;
const GOES_ON: u8 = 0x00;
const ENDS: u8 = 0x80;

type Sent<'a> = (u8, &'a [u8]);

/// The client's goodbye, which ends every row that nothing else ends.
const BYE: Sent = (CLOSE, b"\x03\xe8");

fn check(server: &Server, frames: &[Sent], expected: &[Frame]) {
    let bytes: Vec<u8> =
        frames.iter().flat_map(|(first, payload)| masked(*first, payload)).collect();
    for step in [bytes.len(), 1] {
        let mut client = server.connect();
        for piece in bytes.chunks(step) {
            client.send(piece);
        }
        let mut received = client.receive_all();
        assert_eq!(received.pop(), Some(Frame::End), "{frames:x?} in steps of {step}");
        assert_eq!(received, expected, "{frames:x?} in steps of {step}");
    }
}

/// The row is legal: its answers, and then the goodbye.
fn legal(server: &Server, frames: &[Sent], answers: &[Frame]) {
    check(server, &[frames, &[BYE]].concat(), &[answers, &[close(1000)]].concat());
}

/// The last frame of the row breaks a rule, so that nothing after it is heard.
fn broken(server: &Server, frames: &[Sent], answers: &[Frame], code: u16) {
    let frames = [frames, &[(TEXT, b"unheard"), (PING, b"unheard")]].concat();
    check(server, &frames, &[answers, &[close(code)]].concat());
}

fn pong(payload: &[u8]) -> Frame {
    Frame::Pong(payload.to_vec())
}

fn binary(payload: &[u8]) -> Frame {
    Frame::Binary(payload.to_vec())
}

#[test]
fn section_1_messages_of_all_sizes_are_echoed() {
    let config = aleatoria::actors::socket::SocketConfig::default();
    let server = Server::with(1, config);
    for size in [0, 1, 125, 126, 127, 128, 4096, 65_535, 65_536] {
        let payload = "*".repeat(size);
        legal(&server, &[(TEXT, payload.as_bytes())], &[text(&payload)]);
        legal(&server, &[(BINARY, payload.as_bytes())], &[binary(payload.as_bytes())]);
    }
    let longest = vec![0xfe; 1024 * 1024];
    let mut client = server.connect();
    client.send(&masked(BINARY, &longest));
    assert_eq!(client.receive(), Frame::Binary(longest));
}

#[test]
fn section_2_pings_are_answered_with_their_payload() {
    let server = Server::start();
    let any = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff";
    for payload in [b"", b"Hello, world!" as &[u8], any, &[0xfe; 125]] {
        legal(&server, &[(PING, payload)], &[pong(payload)]);
    }
    broken(&server, &[(PING, &[0xfe; 126])], &[], 1002);
    let ten: Vec<[u8; 1]> = (0..10).map(|n| [n]).collect();
    let pings: Vec<Sent> = ten.iter().map(|n| (PING, n as &[u8])).collect();
    let pongs: Vec<Frame> = ten.iter().map(|n| pong(n)).collect();
    legal(&server, &pings, &pongs);
}

#[test]
fn section_2_pongs_that_nobody_asked_for_are_ignored() {
    let server = Server::start();
    legal(&server, &[(PONG, b""), (PONG, b"unsolicited"), (PING, b"x")], &[pong(b"x")]);
}

#[test]
fn section_3_reserved_bits_are_refused() {
    let server = Server::start();
    for bits in [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70] {
        for opcode in [TEXT, BINARY, CLOSE, PING, PONG] {
            broken(&server, &[(TEXT, b"heard"), (opcode | bits, b"")], &[text("heard")], 1002);
        }
    }
}

#[test]
fn section_4_reserved_opcodes_are_refused() {
    let server = Server::start();
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for payload in [b"", b"reserved" as &[u8]] {
            let frames = [(TEXT, b"heard" as &[u8]), (0x80 | opcode, payload)];
            broken(&server, &frames, &[text("heard")], 1002);
        }
    }
}

#[test]
fn section_5_control_frames_are_never_fragmented() {
    let server = Server::start();
    for first in [PING, PONG, CLOSE] {
        broken(&server, &[(first & 0x0f, b"frag"), (ENDS, b"ment")], &[], 1002);
    }
}

#[test]
fn section_5_fragments_are_put_together() {
    let server = Server::start();
    let whole = text("fragment1fragment2");
    let (one, two): (Sent, Sent) = ((TEXT_BEGINS, b"fragment1"), (ENDS, b"fragment2"));
    legal(&server, &[one, two], std::slice::from_ref(&whole));
    legal(&server, &[one, (PING, b"ping"), two], &[pong(b"ping"), whole]);
    legal(&server, &[(TEXT_BEGINS, b""), (GOES_ON, b""), (ENDS, b"")], &[text("")]);
    legal(&server, &[(TEXT_BEGINS, b""), (GOES_ON, b"x"), (ENDS, b"")], &[text("x")]);
    legal(&server, &[(BINARY_BEGINS, b"\xff"), (ENDS, b"\xfe")], &[binary(b"\xff\xfe")]);

    let five = [
        (TEXT_BEGINS, b"fragment1" as &[u8]),
        (GOES_ON, b"fragment2"),
        (PING, b"ping 1"),
        (GOES_ON, b"fragment3"),
        (GOES_ON, b"fragment4"),
        (PING, b"ping 2"),
        (ENDS, b"fragment5"),
    ];
    let whole = text("fragment1fragment2fragment3fragment4fragment5");
    legal(&server, &five, &[pong(b"ping 1"), pong(b"ping 2"), whole]);
}

#[test]
fn section_5_a_continuation_needs_a_start() {
    let server = Server::start();
    for first in [ENDS, GOES_ON] {
        broken(&server, &[(first, b"no start")], &[], 1002);
        let after = [(TEXT_BEGINS, b"a" as &[u8]), (ENDS, b"b"), (first, b"no start")];
        broken(&server, &after, &[text("ab")], 1002);
    }
}

#[test]
fn section_5_a_message_ends_before_another_begins() {
    let server = Server::start();
    for first in [TEXT, TEXT_BEGINS, BINARY, BINARY_BEGINS] {
        broken(&server, &[(TEXT_BEGINS, b"a"), (first, b"b")], &[], 1002);
        broken(&server, &[(BINARY_BEGINS, b"a"), (first, b"b")], &[], 1002);
    }
}

#[test]
fn section_6_valid_text_is_echoed_however_it_is_cut() {
    let server = Server::start();
    let valid = [
        "Hello-µ@ßöäüàá-UTF-8!!",
        "κόσμε",
        "\u{0}",
        "\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{fffd}\u{ffff}\u{10000}\u{10ffff}",
        "\u{fffe}\u{1fffe}\u{10fffe}\u{fdd0}",
        "𝄞",
    ];
    for message in valid {
        legal(&server, &[(TEXT, message.as_bytes())], &[text(message)]);
        for cut in 0..=message.len() {
            let (one, two) = message.as_bytes().split_at(cut);
            legal(&server, &[(TEXT_BEGINS, one), (ENDS, two)], &[text(message)]);
        }
    }
}

#[test]
fn section_6_invalid_text_is_refused() {
    let server = Server::start();
    let invalid: [&[u8]; 20] = [
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
        b"\x80",
        b"\xbf",
        b"\x80\xbf\x80\xbf",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xf8\x80\x80\x80\xaf",
        b"\xfc\x80\x80\x80\x80\xaf",
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xed\xa0\x80\xed\xb0\x80",
        b"\xfe",
        b"\xff",
        b"\xc3(",
        b"cut \xe2\x82",
    ];
    for message in invalid {
        broken(&server, &[(TEXT, message)], &[], 1007);
        for cut in 0..=message.len() {
            let (one, two) = message.split_at(cut);
            broken(&server, &[(TEXT_BEGINS, one), (ENDS, two)], &[], 1007);
        }
        legal(&server, &[(BINARY, message)], &[binary(message)]);
    }
}

#[test]
fn section_6_invalid_text_is_refused_before_its_frame_or_message_ends() {
    let server = Server::start();
    let whole = masked(TEXT, b"\xce\xba\xe1\xbd\xb9\xf4\x90\x80\x80edited");
    let mut client = server.connect();
    client.send(&whole[..6 + 7]);
    assert_eq!(client.receive(), close(1007), "within a frame");

    let mut client = server.connect();
    client.send(&masked(TEXT_BEGINS, b"\xce\xba\xe1\xbd\xb9\xf4"));
    client.send(&masked(GOES_ON, b"\x90"));
    assert_eq!(client.receive(), close(1007), "within a message");
}

#[test]
fn section_7_nothing_is_heard_after_a_close() {
    let server = Server::start();
    let after: [Sent; 3] = [(PING, b"unheard"), (TEXT, b"unheard"), BYE];
    for frame in after {
        check(&server, &[BYE, frame], &[close(1000)]);
        check(&server, &[(TEXT, b"heard"), BYE, frame], &[text("heard"), close(1000)]);
    }
    check(&server, &[(TEXT_BEGINS, b"half"), BYE, (ENDS, b"ed")], &[close(1000)]);
}

#[test]
fn section_7_a_close_is_echoed() {
    let server = Server::start();
    check(&server, &[(CLOSE, b"")], &[Frame::Close(None, String::new())]);
    check(&server, &[(CLOSE, b"\x03\xe8Hello, world!")], &[close(1000)]);
    let longest = [b"\x03\xe8" as &[u8], &[b'*'; 123]].concat();
    check(&server, &[(CLOSE, &longest)], &[close(1000)]);
    let codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
    for code in codes.into_iter().chain([3000, 3999, 4000, 4999]) {
        let answer = Frame::Close(Some(code), String::new());
        check(&server, &[(CLOSE, &code.to_be_bytes())], &[answer]);
    }
}

#[test]
fn section_7_a_bad_close_is_refused() {
    let server = Server::start();
    check(&server, &[(CLOSE, b"\x03")], &[close(1002)]);
    let too_long = [b"\x03\xe8" as &[u8], &[b'*'; 124]].concat();
    check(&server, &[(CLOSE, &too_long)], &[close(1002)]);
    check(&server, &[(CLOSE, b"\x03\xe8\xce\xba\xe1\xbd\xb9\xed\xa0\x80")], &[close(1007)]);
    let codes: [u16; 11] = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000];
    for code in codes.into_iter().chain([u16::MAX]) {
        check(&server, &[(CLOSE, &code.to_be_bytes())], &[close(1002)]);
    }
}

#[test]
fn a_message_above_the_limit_is_refused_at_its_header() {
    let server = Server::start();
    legal(&server, &[(BINARY, &[7; 1000])], &[binary(&[7; 1000])]);
    legal(&server, &[(BINARY_BEGINS, &[7; 999]), (ENDS, &[7])], &[binary(&[7; 1000])]);
    broken(&server, &[(BINARY, &[7; 1001])], &[], 1009);
    broken(&server, &[(BINARY_BEGINS, &[7; 999]), (ENDS, &[7; 2])], &[], 1009);

    let mut client = server.connect();
    client.send(&masked(TEXT, &[b'x'; 1001])[..8]);
    assert_eq!(client.receive(), close(1009), "the header is enough");
}

#[test]
fn an_unmasked_frame_is_refused() {
    let server = Server::start();
    let mut client: Client = server.connect();
    client.send(b"\x81\x05Hello");
    assert_eq!(client.receive_all(), [close(1002), Frame::End]);
}
