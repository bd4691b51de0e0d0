//! What the application is told, and how what it sends reaches its clients.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aleatoria::actors::socket::{Fanout, SocketConfig, frame};
use aleatoria::hub::{Audience, SessionId};

use crate::websocket::{Client, Frame, Server, Told, close, masked, text};

#[test]
fn the_application_is_told_of_a_session_from_its_first_word_to_its_last() {
    let server = Server::start();
    let (mut client, session) = server.join("ana");
    client.send_text("hello");
    client.send(&masked(0x82, b"\x01\x02"));
    client.send(&masked(0x88, b"\x03\xe8"));
    client.receive_all();
    let expected = [
        Told::Opened(session, "ana".to_owned()),
        Told::Text(session, "hello".to_owned()),
        Told::Binary(session, 2),
        Told::Closed(session),
    ];
    assert_eq!(server.told(), expected);
}

#[test]
fn a_client_that_closes_with_a_code_of_ours_has_not_overflowed() {
    let server = Server::start();
    let (mut client, session) = server.join("ana");
    client.send(&masked(0x88, &4001_u16.to_be_bytes()));
    assert_eq!(client.receive(), Frame::Close(Some(4001), String::new()));
    assert_eq!(server.ends(), [Told::Closed(session)]);
    assert_eq!(server.workers.counts().overflows, 0);
}

#[test]
fn a_client_that_closes_one_side_only_is_gone() {
    let server = Server::start();
    let (mut client, session) = server.join("ana");
    client.send_text("quiet");
    client.shut();
    assert_eq!(client.receive(), Frame::End);
    server.until_told(&Told::Closed(session));
    let heard = Told::Text(session, "quiet".to_owned());
    assert_eq!(server.told()[1..], [heard, Told::Closed(session)]);
}

#[test]
fn a_client_that_vanishes_with_a_reset_is_gone() {
    let server = Server::start();
    let (client, session) = server.join("ana");
    socket2::SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    server.until_told(&Told::Closed(session));
}

#[test]
fn a_close_goes_out_after_what_was_sent_before_it() {
    let server = Server::start();
    let (mut client, session) = server.join("ana");
    server.send(session, frame::text("last words"));
    server.close(session, 4103, "go away");
    server.send(session, frame::text("too late"));
    let bye = Frame::Close(Some(4103), "go away".to_owned());
    assert_eq!([client.receive(), client.receive()], [text("last words"), bye]);
    server.until_told(&Told::Closed(session));

    // Until it answers the close nothing that it says is heard.
    client.send_text("but");
    client.send(&masked(0x89, b"but"));
    client.send(&masked(0x88, b"\x10\x07"));
    assert_eq!(client.receive(), Frame::End);
    assert_eq!(server.told().len(), 2, "{:?}", server.told());
}

#[test]
fn a_client_that_does_not_answer_a_close_is_cut_off() {
    let close_timeout = Duration::from_millis(100);
    let server = Server::with(1, SocketConfig { close_timeout, ..SocketConfig::default() });
    let (mut client, session) = server.join("ana");
    server.close(session, 4101, "expired");
    let mut frames = client.receive_all();
    assert!(matches!(frames.pop(), Some(Frame::Cut | Frame::End)));
    assert_eq!(frames, [Frame::Close(Some(4101), "expired".to_owned())]);
}

#[test]
fn a_frame_reaches_its_audience_on_all_workers_and_nobody_else() {
    let server = Server::with(2, SocketConfig::default());
    let mut clients: Vec<(Client, SessionId)> =
        (0..12).map(|n| server.join(&format!("user{n}"))).collect();
    let workers: Vec<usize> = clients.iter().map(|(_, session)| session.worker()).collect();
    assert!(workers.contains(&0) && workers.contains(&1), "{workers:?}");

    let mut audience: Vec<SessionId> = clients[..8].iter().map(|(_, session)| *session).collect();
    audience.sort_unstable();
    let mut fanout = Fanout::new(Arc::clone(server.workers.outboxes()));
    fanout.send(Audience::Many(audience.into()), &frame::text("for eight"));
    for (_, session) in &clients {
        fanout.send(Audience::One(*session), &frame::text("for each"));
    }
    fanout.flush();
    for (n, (client, _)) in clients.iter_mut().enumerate() {
        if n < 8 {
            assert_eq!(client.receive(), text("for eight"));
        }
        assert_eq!(client.receive(), text("for each"));
    }
}

#[test]
fn nothing_reaches_a_session_by_the_name_of_one_before_it() {
    let server = Server::start();
    let (mut old, gone) = server.join("old");
    old.shut();
    server.until_told(&Told::Closed(gone));
    let (mut new, session) = server.join("new");
    assert_eq!((gone.slot(), gone != session), (session.slot(), true));
    server.send(gone, frame::text("for the old"));
    server.close(gone, 4103, "for the old");
    server.send(session, frame::text("for the new"));
    assert_eq!(new.receive(), text("for the new"));
}

#[test]
fn nothing_is_read_while_the_application_is_congested() {
    let server = Server::start();
    let (mut client, session) = server.join("ana");
    client.send_text("hold");
    assert_eq!(client.receive(), text("hold"), "answers still go out");
    client.send_text("waits");
    server.send(session, frame::text("meanwhile"));
    assert_eq!(client.receive(), text("meanwhile"));
    assert!(!server.told().contains(&Told::Text(session, "waits".to_owned())));
    server.release();
    assert_eq!(client.receive(), text("waits"));
}

#[test]
fn a_client_that_is_not_read_from_is_not_silent() {
    let pong_timeout = Duration::from_millis(200);
    let ping_interval = Duration::from_millis(40);
    let server =
        Server::with(1, SocketConfig { pong_timeout, ping_interval, ..SocketConfig::default() });
    let (mut client, _) = server.join("ana");
    client.send_text("hold");
    assert_eq!(client.receive(), text("hold"));
    client.send_text("waits");
    for _ in 0..10 {
        assert_eq!(client.receive(), Frame::Ping(Vec::new()));
    }
    server.release();
    let answer = std::iter::repeat_with(|| client.receive()).find(|f| *f != Frame::Ping(vec![]));
    assert_eq!(answer, Some(text("waits")));
}

#[test]
fn a_client_that_answers_pings_stays_and_a_silent_one_goes() {
    let pong_timeout = Duration::from_millis(400);
    let ping_interval = Duration::from_millis(100);
    let server =
        Server::with(1, SocketConfig { pong_timeout, ping_interval, ..SocketConfig::default() });
    let (mut silent, gone) = server.join("silent");
    let (mut lively, _) = server.join("lively");
    // Fifteen pings take longer than anybody may be silent.
    for _ in 0..15 {
        assert_eq!(lively.receive(), Frame::Ping(Vec::new()));
        lively.send(&masked(0x8a, b""));
    }
    server.until_told(&Told::Closed(gone));
    assert_eq!(server.ends(), [Told::Closed(gone)]);
    let mut frames = std::iter::repeat_with(|| silent.receive());
    assert_eq!(frames.find(|frame| *frame != Frame::Ping(vec![])), Some(close(4003)));
    assert_eq!(server.workers.counts().pongs_missed, 1);
}

#[test]
fn a_client_that_never_pauses_leaves_the_others_their_turn() {
    let server = Server::start();
    let (mut client, _) = server.join("calm");
    let (mut busy, _) = server.join("busy");
    let pongs = masked(0x8a, &[0; 125]).repeat(10_000);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                busy.send(&pongs);
            }
        });
        let mut rounds = 0;
        while rounds < 200 || server.workers.counts().bytes_in < 10_000_000 {
            client.send_text("calm");
            assert_eq!(client.receive(), text("calm"));
            rounds += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn each_end_is_told_exactly_once() {
    let queue_bytes_max = 64 * 1024;
    let config = SocketConfig { queue_bytes_max, ..SocketConfig::default() };
    let server = Server::with(2, config);
    let mut clients = Vec::new();
    for n in 0..60 {
        let (mut client, session) = server.join(&format!("user{n}"));
        // Two ends at a time, so that they race.
        for end in [n % 6, n / 6 % 6] {
            match end {
                0 => client.send(&masked(0x88, b"")),
                1 => client.send(b"\xff\xff"),
                2 => drop(client.stream.shutdown(std::net::Shutdown::Both)),
                3 => server.close(session, 1001, ""),
                4 => server.send(session, frame::binary(&vec![0; 32 * 1024 * 1024])),
                _ => client.send_text("quiet"),
            }
        }
        if (n % 6, n / 6 % 6) == (5, 5) {
            client.shut();
        }
        clients.push(client);
    }
    server.until(|_| (server_ends(&server) == 60).then_some(()));
    drop(clients);
    let mut ends = HashMap::new();
    for told in server.told() {
        match told {
            Told::Closed(session) | Told::Overflowed(session) => {
                assert_eq!(ends.insert(session, ()), None, "{session} ended twice");
            }
            Told::Opened(session, _) | Told::Text(session, _) | Told::Binary(session, _) => {
                assert!(!ends.contains_key(&session), "{session} spoke after its end");
            }
        }
    }
}

fn server_ends(server: &Server) -> u64 {
    server.workers.counts().sessions_closed
}

#[test]
fn a_server_that_is_stopped_tells_of_the_ends_of_all() {
    let server = Server::with(2, SocketConfig::default());
    let mut clients: Vec<(Client, SessionId)> =
        (0..4).map(|n| server.join(&format!("user{n}"))).collect();
    server.stop();
    for (client, session) in &mut clients {
        server.until_told(&Told::Closed(*session));
        assert!(matches!(client.receive(), Frame::End | Frame::Cut));
        server.send(*session, frame::text("nobody is there"));
    }
    assert_eq!(server.ends().len(), 4);
    // Nobody waits for a worker that is gone.
    let fanout = Fanout::new(Arc::clone(server.workers.outboxes()));
    actix_web::rt::System::new().block_on(fanout.backlog_below(1));
}

#[test]
fn everything_is_counted() {
    let server = Server::start();
    let (mut client, _) = server.join("ana");
    client.send_text("hello");
    client.send(&masked(0x89, b""));
    client.send(&masked(0x88, b"\x03\xe8"));
    client.receive_all();
    drop(client);
    let counts = server.workers.counts();
    assert_eq!((counts.sessions_opened, counts.sessions_open()), (1, 0));
    assert_eq!((counts.frames_in, counts.frames_out), (1, 3));
    assert_eq!(counts.bytes_in, 11 + 6 + 8);
    let normal = Some(aleatoria::protocol::CloseCode::Normal);
    assert!(counts.closes.contains(&(normal, 1)), "{counts:?}");
}
