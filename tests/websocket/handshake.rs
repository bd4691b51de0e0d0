//! From HTTP to a WebSocket, or not.

use std::time::Duration;

use aleatoria::actors::socket::SocketConfig;

use crate::websocket::{Client, Frame, PATIENCE, Server, Told, close, handshake, masked, text};

/// Sends a request and reads the refusal until the server closes.
fn refused(server: &Server, request: &str) -> (String, String) {
    let mut client = Client::new(server.address);
    client.send(request.as_bytes());
    let head = client.head();
    let body = String::from_utf8(client.rest()).unwrap();
    assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{head}");
    assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-type: application/json\r\n"), "{head}");
    (head, body)
}

#[test]
fn a_refusal_is_http_with_a_json_error() {
    let server = Server::start();
    let (head, body) = refused(&server, &handshake("/busy"));
    assert!(head.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{head}");
    assert!(head.contains("\r\nretry-after: 7\r\n"), "{head}");
    let expected = r#"{"success":false,"error":{"code":"too_many","message":"come back later"}}"#;
    assert_eq!(body, expected);
    assert_eq!(server.told(), [], "the application hears nothing of it");
}

#[test]
fn a_handshake_that_is_none_is_refused() {
    let server = Server::start();
    let good = handshake("/ws");
    let rows = [
        ("Version: 13", "Version: 12", "426"),
        ("Sec-WebSocket-Version: 13\r\n", "", "426"),
        ("Key: dGhlIHNhbXBsZSBub25jZQ==", "Key: c2hvcnQ=", "400"),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", "400"),
        ("Connection: keep-alive, Upgrade\r\n", "", "400"),
        ("HTTP/1.1", "HTTP/1.0", "400"),
        ("GET /ws", "PUT /ws", "405"),
        ("GET /ws", "GET /elsewhere", "404"),
    ];
    for (part, instead, status) in rows {
        let (head, _) = refused(&server, &good.replace(part, instead));
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{instead}: {head}");
        let told_version = head.contains("\r\nsec-websocket-version: 13\r\n");
        assert_eq!(told_version, status == "426", "{head}");
    }
}

#[test]
fn a_refused_client_that_does_not_hang_up_is_cut_off() {
    let close_timeout = Duration::from_millis(100);
    let server = Server::with(1, SocketConfig { close_timeout, ..SocketConfig::default() });
    let mut client = Client::new(server.address);
    client.send(handshake("/elsewhere").as_bytes());
    client.rest();
    // Only a connection that is gone refuses what is sent to it.
    while std::io::Write::write_all(&mut client.stream, b"more").is_ok() {}
    assert_eq!(server.workers.counts().sockets_open(), 0);
}

#[test]
fn what_comes_together_with_the_handshake_is_heard() {
    let server = Server::start();
    let frames = [masked(0x81, b"one"), masked(0x01, b"two"), masked(0x80, b"three")].concat();
    for cut in 0..=frames.len() {
        let mut client = Client::new(server.address);
        client.send(&[handshake("/ws").as_bytes(), &frames[..cut]].concat());
        let mut client = client.answered();
        client.send(&frames[cut..]);
        assert_eq!([client.receive(), client.receive()], [text("one"), text("twothree")]);
    }
}

#[test]
fn a_close_that_comes_together_with_the_handshake_is_answered() {
    let server = Server::start();
    let mut client = Client::new(server.address);
    client.send(&[handshake("/ws").as_bytes(), &masked(0x88, b"\x03\xe8")].concat());
    assert_eq!(client.answered().receive_all(), [close(1000), Frame::End]);
}

#[test]
fn a_handshake_may_follow_another_request() {
    let server = Server::start();
    let mut client = Client::new(server.address);
    let both = format!("GET / HTTP/1.1\r\nHost: test\r\n\r\n{}", handshake("/ws"));
    client.send(both.as_bytes());
    assert!(client.head().starts_with("HTTP/1.1 200 OK\r\n"));
    let mut client = client.answered();
    client.send_text("here");
    assert_eq!(client.receive(), text("here"));
}

#[test]
fn a_worker_takes_as_many_sockets_as_it_may_and_no_more() {
    let server = Server::with(1, SocketConfig { sockets_max: 3, ..SocketConfig::default() });
    let (mut first, _) = server.join("first");
    let _others = [server.connect(), server.connect()];

    let (head, body) = refused(&server, &handshake("/ws"));
    assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
    assert!(head.contains("\r\nretry-after: "), "{head}");
    assert!(body.contains(r#""code":"node_full""#), "{body}");

    first.send(&masked(0x88, b""));
    assert_eq!(first.receive_all().pop(), Some(Frame::End));
    drop(first);
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let mut client = Client::new(server.address);
        client.send(handshake("/ws?again").as_bytes());
        if client.head().starts_with("HTTP/1.1 101 ") {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "its place is free again");
    }
    server.until(|told| matches!(told, Told::Opened(_, name) if name == "again").then_some(()));
}
