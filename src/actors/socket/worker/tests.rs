//! A worker without tasks: the test is the clock and decides when a socket is read.

use std::io::{Read, Write};
use std::net::TcpStream as Client;

use super::*;
use crate::actors::socket::frame;
use crate::actors::socket::reader::tests::frame as masked;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Opened(SessionId),
    Text(SessionId, String),
    Overflowed(SessionId),
    Closed(SessionId),
}

/// An application that only remembers, also after its worker is gone.
#[derive(Default, Clone)]
struct Memory(std::rc::Rc<std::cell::RefCell<Vec<Told>>>);

impl Memory {
    fn tell(&self, told: Told) {
        self.0.borrow_mut().push(told);
    }

    fn ends(&self) -> Vec<Told> {
        let mut told = self.0.borrow().clone();
        told.retain(|told| matches!(told, Told::Closed(_) | Told::Overflowed(_)));
        told
    }
}

impl Application for Memory {
    type Hello = ();

    fn opened(&mut self, session: SessionId, (): ()) {
        self.tell(Told::Opened(session));
    }
    fn text(&mut self, session: SessionId, text: &str) {
        self.tell(Told::Text(session, text.to_owned()));
    }
    fn binary(&mut self, _: SessionId, _: &[u8]) {}
    fn overflowed(&mut self, session: SessionId) {
        self.tell(Told::Overflowed(session));
    }
    fn closed(&mut self, session: SessionId) {
        self.tell(Told::Closed(session));
    }
    fn flush(&mut self) {}
}

const QUEUE_BYTES_MAX: usize = 100_000;

fn worker() -> (Worker<Memory>, Memory) {
    let config = SocketConfig { queue_bytes_max: QUEUE_BYTES_MAX, ..SocketConfig::default() };
    let memory = Memory::default();
    (Worker::new(0, Outbox::default(), Arc::new(config), memory.clone()), memory)
}

/// Opens a session whose client has read the answer to its handshake.
async fn join(worker: &mut Worker<Memory>) -> (Client, SessionId) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = Client::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    stream.writable().await.unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let session = worker.open(stream, Bytes::from_static(b"101"), &mut [], ());
    client.read_exact(&mut [0; 3]).unwrap();
    (client, session)
}

/// Opens a session and sends to it until its socket takes no more.
async fn join_blocked(worker: &mut Worker<Memory>) -> (Client, SessionId) {
    let (client, session) = join(worker).await;
    while !worker.get(session).unwrap().writer.is_blocked() {
        send(worker, session, frame::binary(&[7; 50_000]));
    }
    (client, session)
}

fn send(worker: &mut Worker<Memory>, to: SessionId, frame: Bytes) {
    worker.apply(Delivery::Send { to: Receivers::One(to), bundle: frame.into() });
    worker.write_touched();
}

fn queued(worker: &mut Worker<Memory>, session: SessionId) -> usize {
    worker.get(session).unwrap().writer.bytes()
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn a_queue_takes_as_many_bytes_as_it_may_and_not_one_more() {
    run(async {
        let (mut worker, memory) = worker();
        let (_client, session) = join_blocked(&mut worker).await;
        let room = QUEUE_BYTES_MAX - queued(&mut worker, session);
        send(&mut worker, session, Bytes::from(vec![0; room]));
        assert_eq!((queued(&mut worker, session), memory.ends()), (QUEUE_BYTES_MAX, vec![]));

        send(&mut worker, session, Bytes::from_static(&[0]));
        assert_eq!(memory.ends(), [Told::Overflowed(session)]);
        assert!(queued(&mut worker, session) < 50_004 + 2 + 2 + 13, "what is half sent, and 4001");
    });
}

#[test]
fn one_frame_of_any_size_is_taken_and_the_next_one_is_too_much() {
    run(async {
        let (mut worker, memory) = worker();
        let (_client, session) = join(&mut worker).await;
        send(&mut worker, session, Bytes::from(vec![0; 64 << 20]));
        assert!(queued(&mut worker, session) > QUEUE_BYTES_MAX, "the socket took it all");
        assert_eq!(memory.ends(), vec![]);
        send(&mut worker, session, Bytes::from_static(&[0]));
        assert_eq!(memory.ends(), [Told::Overflowed(session)]);
    });
}

#[test]
fn what_the_socket_takes_does_not_count() {
    run(async {
        let (mut worker, memory) = worker();
        let (mut client, session) = join(&mut worker).await;
        let frame = Bytes::from(vec![0; QUEUE_BYTES_MAX + 1]);
        send(&mut worker, session, frame);
        assert_eq!((queued(&mut worker, session), memory.ends()), (0, vec![]));
        client.read_exact(&mut vec![0; QUEUE_BYTES_MAX + 1]).unwrap();
    });
}

#[test]
fn many_frames_in_one_batch_do_not_overflow_a_socket_that_takes_them() {
    run(async {
        let (mut worker, memory) = worker();
        let (_client, session) = join(&mut worker).await;
        for _ in 0..20 {
            let frame = Bytes::from(vec![0; QUEUE_BYTES_MAX / 10]);
            worker.apply(Delivery::Send { to: Receivers::One(session), bundle: frame.into() });
        }
        worker.write_touched();
        assert_eq!((queued(&mut worker, session), memory.ends()), (0, vec![]));
    });
}

#[test]
fn an_end_is_told_once_and_nothing_follows_it() {
    run(async {
        let (mut worker, memory) = worker();
        let (_client, session) = join_blocked(&mut worker).await;
        send(&mut worker, session, Bytes::from(vec![0; QUEUE_BYTES_MAX]));
        let left = queued(&mut worker, session);
        send(&mut worker, session, Bytes::from_static(&[0; 100]));
        let close = Delivery::Close { session, code: 1001, reason: String::new() };
        worker.apply(close);
        worker.digest(session.slot(), &mut masked(0x81, b"unheard"));
        worker.end(session.slot());
        drop(worker);
        let expected = [Told::Opened(session), Told::Overflowed(session)];
        assert_eq!((left < 50_100, &memory.0.borrow()[..]), (true, &expected[..]));
    });
}

#[test]
fn pings_fill_neither_a_free_queue_nor_a_blocked_one() {
    run(async {
        let (mut worker, memory) = worker();
        let pings = masked(0x89, &[b'p'; 125]).repeat(2_000);

        let (mut client, session) = join(&mut worker).await;
        worker.digest(session.slot(), &mut pings.clone());
        assert_eq!(queued(&mut worker, session), 0);
        client.read_exact(&mut vec![0; 127 * 2_000]).unwrap();

        let (_client, blocked) = join_blocked(&mut worker).await;
        let before = queued(&mut worker, blocked);
        worker.digest(blocked.slot(), &mut pings.clone());
        assert_eq!(queued(&mut worker, blocked), before + 127, "one pong");
        assert_eq!(memory.ends(), []);
    });
}

#[test]
fn a_worker_that_ends_tells_of_all_that_are_open() {
    run(async {
        let (mut worker, memory) = worker();
        let (_one, open) = join(&mut worker).await;
        let (_other, closed) = join(&mut worker).await;
        worker.apply(Delivery::Close { session: closed, code: 1001, reason: String::new() });
        drop(worker);
        assert_eq!(memory.ends(), [Told::Closed(closed), Told::Closed(open)]);
    });
}

#[test]
fn time_pings_gives_up_and_cuts_off() {
    run(async {
        let (mut worker, memory) = worker();
        let (mut client, session) = join(&mut worker).await;
        let config = Arc::clone(&worker.common.config);

        worker.common.now = config.ping_interval;
        worker.sweep();
        worker.sweep();
        worker.common.now = config.pong_timeout;
        worker.sweep();
        let mut received = [0; 2 + 2 + 2 + 15];
        client.read_exact(&mut received).unwrap();
        assert_eq!(&received[..4], [0x89, 0, 0x88, 17], "one ping, one close");
        assert_eq!(&received[4..6], 4003_u16.to_be_bytes());
        assert_eq!(memory.ends(), [Told::Closed(session)]);

        worker.common.now = config.pong_timeout + config.close_timeout;
        worker.sweep();
        assert!(worker.get(session).is_none());
        assert!(client.read_exact(&mut [0]).is_err());
        assert_eq!(memory.ends(), [Told::Closed(session)]);
    });
}

#[test]
fn a_blocked_socket_is_given_up_after_the_write_timeout() {
    run(async {
        let (mut worker, memory) = worker();
        let (_client, session) = join_blocked(&mut worker).await;
        worker.common.now = worker.common.config.write_timeout - Duration::from_millis(1);
        worker.sweep();
        assert_eq!(memory.ends(), []);
        worker.common.now += Duration::from_millis(1);
        worker.sweep();
        assert_eq!(memory.ends(), [Told::Overflowed(session)]);
    });
}

#[test]
fn a_broken_socket_ends_its_session_at_the_first_write() {
    run(async {
        let (mut worker, memory) = worker();
        let (mut client, session) = join(&mut worker).await;
        SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        client.flush().unwrap();
        drop(client);
        send(&mut worker, session, Bytes::from_static(&[0]));
        assert_eq!(memory.ends(), [Told::Closed(session)]);
        assert!(worker.get(session).is_none());
    });
}

#[test]
fn a_client_that_closes_its_side_still_gets_what_waits_for_it() {
    run(async {
        let (mut worker, memory) = worker();
        let (mut client, session) = join_blocked(&mut worker).await;
        worker.apply(Delivery::Close { session, code: 1001, reason: String::new() });
        worker.end_of_input(session.slot());
        let reader = std::thread::spawn(move || {
            let mut received = Vec::new();
            client.read_to_end(&mut received).unwrap();
            received
        });
        while let Some(session) = worker.get(session) {
            session.writer.stream.writable().await.unwrap();
            let slot = session.id.slot();
            worker.write_on(slot);
        }
        assert!(reader.join().unwrap().ends_with(b"\x88\x02\x03\xe9"));
        assert_eq!(memory.ends(), [Told::Closed(session)]);
    });
}

#[test]
fn what_is_answered_at_once_goes_out_before_the_close_that_came_with_it() {
    run(async {
        let (mut worker, memory) = worker();
        let (mut client, session) = join(&mut worker).await;
        let mut input = [masked(0x81, b"hi"), masked(0x88, b"\x03\xe8")].concat();
        worker.digest(session.slot(), &mut input);
        assert_eq!(memory.ends(), []);
        worker.apply(Delivery::Send {
            to: Receivers::One(session),
            bundle: frame::text("ho").into(),
        });
        worker.part_now();
        worker.write_touched();
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        assert_eq!(received, b"\x81\x02ho\x88\x02\x03\xe8");
        assert_eq!(memory.ends(), [Told::Closed(session)]);
    });
}
