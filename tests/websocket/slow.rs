//! Clients that do not take what they are sent.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aleatoria::actors::socket::{SocketConfig, frame};
use aleatoria::hub::SessionId;
use bytes::Bytes;

use crate::websocket::{Client, Frame, Server, Told, close, masked, text};

const MIB: usize = 1024 * 1024;

/// Bytes that count how many of their kind are alive.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(self.0.len(), Ordering::SeqCst);
    }
}

/// Sends frames of 64 KiB until the session is given up or `bytes` are sent; returns the most
/// bytes that were alive in the server at a time.
fn flood(server: &Server, session: SessionId, bytes: usize) -> usize {
    let frame = frame::binary(&[7; 64 * 1024]);
    let alive = Arc::<AtomicUsize>::default();
    let outbox = &server.workers.outboxes()[session.worker()];
    let (mut most, mut sent) = (0, 0);
    while sent < bytes && server.workers.counts().overflows == 0 {
        // As the hub does: it holds back when a worker is behind.
        while outbox.backlog() > MIB {
            std::thread::yield_now();
        }
        alive.fetch_add(frame.len(), Ordering::SeqCst);
        let counted = Counted(frame.to_vec(), alive.clone());
        server.send(session, Bytes::from_owner(counted));
        sent += frame.len();
        most = most.max(alive.load(Ordering::SeqCst));
    }
    most
}

/// Writes until the connection is gone, which only a reset tells to one who does not read.
fn until_reset(client: &mut Client) {
    let ping = masked(0x89, b"");
    while client.stream.write_all(&ping).is_ok() {}
}

#[test]
fn a_client_that_stops_reading_is_given_up_at_its_queue_limit() {
    let close_timeout = Duration::from_millis(200);
    let config = SocketConfig { queue_bytes_max: MIB, close_timeout, ..SocketConfig::default() };
    let server = Server::with(1, config);
    let (mut slow, session) = server.join("slow");
    let (mut other, _) = server.join("other");

    let most = flood(&server, session, 1024 * MIB);
    server.until_told(&Told::Overflowed(session));
    assert!(most <= 3 * MIB, "{most} bytes were held");

    until_reset(&mut slow);
    other.send_text("undisturbed");
    assert_eq!(other.receive(), text("undisturbed"));
    assert_eq!(server.ends(), [Told::Overflowed(session)]);
    let counts = server.workers.counts();
    assert_eq!((counts.overflows, counts.sockets_open()), (1, 1));
}

#[test]
fn a_client_that_reads_on_hears_why_it_was_given_up() {
    let config = SocketConfig { queue_bytes_max: MIB, ..SocketConfig::default() };
    let server = Server::with(1, config);
    let (mut slow, session) = server.join("slow");
    flood(&server, session, 1024 * MIB);
    let mut frames = slow.receive_all();
    assert_eq!(frames.pop(), Some(Frame::End));
    assert_eq!(frames.pop(), Some(close(4001)));
    let whole = Frame::Binary(vec![7; 64 * 1024]);
    assert!(frames.iter().all(|frame| *frame == whole), "no frame was cut short");
}

#[test]
fn a_client_that_takes_nothing_for_too_long_is_given_up() {
    let write_timeout = Duration::from_millis(200);
    let close_timeout = Duration::from_millis(200);
    let queue_bytes_max = 1024 * MIB;
    let config =
        SocketConfig { queue_bytes_max, write_timeout, close_timeout, ..SocketConfig::default() };
    let server = Server::with(1, config);
    let (mut slow, session) = server.join("slow");
    flood(&server, session, 32 * MIB);
    server.until_told(&Told::Overflowed(session));
    until_reset(&mut slow);
    assert_eq!(server.ends(), [Told::Overflowed(session)]);
}

#[test]
fn a_client_that_takes_a_little_at_a_time_stays() {
    let write_timeout = Duration::from_secs(2);
    let queue_bytes_max = 64 * MIB;
    let config = SocketConfig { queue_bytes_max, write_timeout, ..SocketConfig::default() };
    let server = Server::with(1, config);
    let (mut client, session) = server.join("steady");
    let frame = frame::binary(&vec![7; MIB]);
    for _ in 0..32 {
        server.send(session, frame.clone());
    }
    for _ in 0..32 {
        assert_eq!(client.receive(), Frame::Binary(vec![7; MIB]));
    }
    assert_eq!(server.ends(), []);
}
