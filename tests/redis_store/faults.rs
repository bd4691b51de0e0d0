//! What a store says when Redis is away, slow, full, read-only, or of another mind.

use std::time::{Duration, Instant};

use aleatoria::actors::redis_store::RedisSettings;
use aleatoria::hub::Fact;
use aleatoria::store::{Answer, Command, Fault};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::proxy::Proxy;
use crate::server::RedisServer;
use crate::store::*;

fn settings(connection: ConnectionInfo) -> RedisSettings {
    RedisSettings::new(connection, "n1")
}

/// For servers that do not answer.
fn impatient(connection: ConnectionInfo) -> RedisSettings {
    RedisSettings {
        dial_timeout: Duration::from_millis(1500),
        command_timeout: Duration::from_millis(1000),
        ..settings(connection)
    }
}

fn started(server: &RedisServer) -> Client {
    Client::start(settings(server.connection_info()))
}

async fn add(store: &mut Client, id: &str) -> Result<bool, Fault> {
    let result = store.append(message(&in_room("r"), id, "x"), None).await;
    result.map(|(_, _, duplicate)| duplicate)
}

fn assert_away<T: std::fmt::Debug>(result: Result<T, Fault>, expected: &str) {
    match result {
        Err(Fault::Away(why)) if why.contains(expected) => {}
        other => panic!("{other:?} is not away with {expected:?}"),
    }
}

async fn stored(store: &mut Client) -> Vec<String> {
    let history = store.read(in_room("r"), page(200, None)).await.expect("a page");
    let ids = history.messages.iter().map(|stored| {
        let json: serde_json::Value = serde_json::from_slice(&stored.json).expect("JSON");
        json["messageId"].as_str().expect("an id").to_owned()
    });
    ids.collect()
}

#[actix::test]
async fn one_bad_key_spoils_its_own_command_only() {
    let server = RedisServer::start();
    let mut store = started(&server);
    let _: () = server.run(&["SET", "room:messages:bad", "x"]);
    let _: () = server.run(&["SET", "connections:bad", "x"]);
    let mut commands = Vec::new();
    for (number, place) in ["r", "bad", "r"].into_iter().enumerate() {
        let append = message(&in_room(place), &number.to_string(), "x");
        commands.push(store.append_command(append, None));
    }
    commands.insert(1, Command::Tell(joined(1, "ana", "bad")));
    commands.push(Command::Tell(joined(1, "ana", "good")));
    store.send(commands);
    let answers = store.collect(4).await;
    assert!(matches!(answers[0], Answer::Appended { result: Ok(_), .. }));
    let refused = |fault: &Fault| matches!(fault, Fault::Refused(why) if why.contains("WRONGTYPE"));
    assert!(
        matches!(&answers[1], Answer::Failed { fact: Some(Fact::Joined { .. }), fault } if refused(fault)),
        "{answers:?}"
    );
    assert!(matches!(&answers[2], Answer::Appended { result: Err(fault), .. } if refused(fault)));
    assert!(matches!(answers[3], Answer::Appended { result: Ok(_), .. }));
    assert!(server.keys().contains(&"connections:good".to_owned()));
    // Nothing of the refused message stays, and the lane is open.
    assert!(!server.keys().contains(&"room:index:bad".to_owned()));
    assert_eq!(add(&mut store, "next").await, Ok(false));
    assert_eq!(store.counter("refused"), 2);
}

#[actix::test]
async fn nothing_overtakes_a_failed_message_until_a_resume_passes() {
    let mut server = RedisServer::start();
    let mut store = started(&server);
    assert_eq!(add(&mut store, "1").await, Ok(false));
    server.kill();
    assert_away(add(&mut store, "2").await, "");
    server.restart();
    // Redis is well again, but whoever sent 2 has not said that it knows.
    assert_away(add(&mut store, "3").await, "");
    assert_away(store.probe(false).await, "");
    let tell = store.ask(Command::Tell(joined(1, "ana", "r"))).await;
    assert!(matches!(tell, Answer::Failed { fact: Some(_), fault: Fault::Away(_) }), "{tell:?}");
    assert_eq!(server.keys(), [""; 0]);
    let append = message(&in_room("r"), "4", "x");
    let behind = store.append_command(append, None);
    store.send(vec![Command::Probe { resume: true }, behind]);
    let answers = store.collect(2).await;
    assert!(matches!(&answers[0], Answer::Probed(Ok(probe)) if probe.forgot), "{answers:?}");
    assert!(matches!(&answers[1], Answer::Appended { result: Ok(_), .. }), "{answers:?}");
    assert!(!store.probe(false).await.unwrap().forgot);
    assert_eq!(stored(&mut store).await, ["4"]);
}

#[actix::test]
async fn a_failed_resume_leaves_the_latch_on() {
    let mut server = RedisServer::start();
    let mut store = started(&server);
    server.kill();
    assert_away(add(&mut store, "1").await, "");
    assert_away(store.probe(true).await, "");
    assert_away(add(&mut store, "2").await, "");
    server.restart();
    assert!(store.probe(true).await.unwrap().forgot);
    assert_eq!(add(&mut store, "3").await, Ok(false));
}

#[actix::test]
async fn what_was_acknowledged_survives_a_crash_of_redis() {
    let mut server = RedisServer::start_persistent();
    let mut store = started(&server);
    for id in ["1", "2"] {
        assert_eq!(add(&mut store, id).await, Ok(false));
    }
    server.restart();
    assert_away(add(&mut store, "3").await, "");
    store.probe(true).await.unwrap();
    assert_eq!(add(&mut store, "2").await, Ok(true));
    assert_eq!(add(&mut store, "3").await, Ok(false));
    assert_eq!(stored(&mut store).await, ["1", "2", "3"]);
}

#[actix::test]
async fn a_frozen_server_is_given_up_in_time_and_what_it_took_is_stored_once() {
    let server = RedisServer::start();
    let mut store = Client::start(impatient(server.connection_info()));
    assert_eq!(add(&mut store, "1").await, Ok(false));
    server.stop();
    let begun = Instant::now();
    let append = message(&in_room("r"), "2", "x");
    let seen = aleatoria::protocol::Position(4_000_000_000_000_000);
    assert_away(store.append(append.clone(), None).await, "");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_away(store.read(in_room("r"), page(9, None)).await, "");
    assert_away(store.probe(true).await, "");
    server.resume();
    store.probe(true).await.unwrap();
    // The frozen server had it in its buffers and carries it out as well, before or after.
    let replayed = store.append(append.clone(), Some(seen)).await.unwrap();
    assert_eq!(add(&mut store, "3").await, Ok(false));
    assert_eq!(stored(&mut store).await, ["1", "2", "3"]);
    let history = store.read(in_room("r"), page(9, None)).await.unwrap();
    assert_eq!(history.messages[1].position, replayed.0);
    let text = std::str::from_utf8(&history.messages[1].json).unwrap();
    assert_eq!(text, append.draft.at(seen).json());
}

#[actix::test]
async fn a_read_only_server_is_away_for_writes_and_followed_when_it_changes() {
    let server = RedisServer::start();
    let mut store = started(&server);
    assert_eq!(add(&mut store, "1").await, Ok(false));
    let _: () = server.run(&["REPLICAOF", "127.0.0.1", "1"]);
    assert_away(store.probe(false).await, "READONLY");
    assert_eq!(store.counter("disconnects"), 1, "the next connection may lead to another server");
    assert_away(add(&mut store, "2").await, "READONLY");
    assert_away(store.probe(true).await, "READONLY");
    assert_eq!(store.counter("disconnects"), 3);
    assert_eq!(stored(&mut store).await, ["1"]);
    let _: () = server.run(&["REPLICAOF", "NO", "ONE"]);
    store.probe(true).await.unwrap();
    assert_eq!(add(&mut store, "2").await, Ok(false));
}

#[actix::test]
async fn a_full_server_takes_no_message_but_lets_go_of_what_ends() {
    let server = RedisServer::start();
    let mut store = started(&server);
    assert_eq!(add(&mut store, "1").await, Ok(false));
    store.tell([joined(1, "ana", "r")]).await;
    server.config_set("maxmemory", "1");
    assert_away(store.probe(false).await, "OOM");
    store.tell([left(1, "ana", "r", true)]).await;
    assert_eq!(server.keys(), ["room:index:r", "room:messages:r", "room:state:r"]);
    assert_away(add(&mut store, "2").await, "OOM");
    assert_eq!(stored(&mut store).await, ["1"]);
    server.config_set("maxmemory", "0");
    store.probe(true).await.unwrap();
    assert_eq!(add(&mut store, "2").await, Ok(false));
    assert_eq!(stored(&mut store).await, ["1", "2"]);
}

#[actix::test]
async fn a_server_that_cannot_save_is_away() {
    let server = RedisServer::start();
    let mut store = started(&server);
    assert_eq!(add(&mut store, "1").await, Ok(false));
    server.break_disk();
    assert_away(store.probe(false).await, "MISCONF");
    assert_away(add(&mut store, "2").await, "MISCONF");
    server.config_set("stop-writes-on-bgsave-error", "no");
    store.probe(true).await.unwrap();
    assert_eq!(add(&mut store, "2").await, Ok(false));
}

#[actix::test]
async fn a_wrong_password_is_away_until_it_is_right() {
    let mut server = RedisServer::start();
    let without = server.connection_info();
    server.require_password("s3cret");
    let wrong = format!("redis://:wrong@127.0.0.1:{}/", server.port());
    let wrong = wrong.into_connection_info().unwrap();
    for connection in [without, wrong] {
        let mut store = Client::start(settings(connection));
        assert_away(store.probe(true).await, "");
        assert_away(add(&mut store, "1").await, "");
    }
    assert_eq!(add(&mut started(&server), "1").await, Ok(false));
}

#[actix::test]
async fn an_acl_user_may_be_confined_to_the_prefix() {
    let server = RedisServer::start();
    let _: () = server.run(&["ACL", "SETUSER", "hub", "on", ">pw", "~app:*", "+@all"]);
    let url = format!("redis://hub:pw@127.0.0.1:{}/", server.port());
    let confined = settings(url.into_connection_info().unwrap());
    let mut allowed = Client::start(RedisSettings { prefix: "app:".into(), ..confined.clone() });
    assert_eq!(add(&mut allowed, "1").await, Ok(false));
    assert_away(add(&mut Client::start(confined), "1").await, "NOPERM");
}

#[actix::test]
async fn a_server_that_takes_no_scripts_says_why() {
    let server = RedisServer::start();
    let _: () = server.run(&["ACL", "SETUSER", "hub", "on", ">pw", "~*", "+@all", "-script"]);
    let url = format!("redis://hub:pw@127.0.0.1:{}/", server.port());
    let mut store = Client::start(settings(url.into_connection_info().unwrap()));
    assert_away(add(&mut store, "1").await, "does not take the scripts: NOPERM");
}

#[actix::test]
async fn a_unix_socket_and_another_database_will_do() {
    let server = RedisServer::start();
    let url = format!("unix://{}?db=3", server.socket().display());
    let mut store = Client::start(settings(url.into_connection_info().unwrap()));
    assert_eq!(add(&mut store, "1").await, Ok(false));
    assert_eq!(server.keys(), [""; 0]);
    assert_eq!(stored(&mut store).await, ["1"]);
}

#[actix::test]
async fn tls_is_spoken_and_the_certificate_is_checked() {
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/tls");
    let (certificate, key) = (format!("{files}/server.crt"), format!("{files}/server.key"));
    let port = RedisServer::free_port();
    let _server = RedisServer::start_with(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-auth-clients",
        "no",
    ]);
    let url = format!("rediss://localhost:{port}/");
    let root = std::fs::read(format!("{files}/ca.crt")).unwrap();
    let certificates = redis::TlsCertificates { client_tls: None, root_cert: Some(root) };
    let trusting = redis::Client::build_with_tls(url.as_str(), certificates).unwrap();
    let trusting = trusting.get_connection_info().clone();
    assert!(matches!(trusting.addr(), ConnectionAddr::TcpTls { .. }));
    assert_eq!(add(&mut Client::start(settings(trusting)), "1").await, Ok(false));
    let doubting = url.into_connection_info().unwrap();
    assert_away(add(&mut Client::start(settings(doubting)), "1").await, "");
}

#[actix::test]
async fn nobody_there_is_away_at_once() {
    let port = RedisServer::free_port();
    let nobody = format!("redis://127.0.0.1:{port}/").into_connection_info().unwrap();
    let mut store = Client::start(settings(nobody));
    let begun = Instant::now();
    assert_away(store.probe(false).await, "refused");
    assert_away(store.read(in_room("r"), page(9, None)).await, "refused");
    assert_away(add(&mut store, "1").await, "refused");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[actix::test]
async fn a_cut_connection_fails_what_is_on_its_way_and_the_replay_is_recognised() {
    let server = RedisServer::start();
    let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into());
    let url = format!("redis://{}/", proxy.address());
    let mut store = Client::start(settings(url.into_connection_info().unwrap()));
    assert_eq!(add(&mut store, "1").await, Ok(false));
    proxy.delay(Duration::from_millis(150));
    let append = message(&in_room("r"), "2", "x");
    let sent = store.append_command(append, None);
    store.send(vec![sent]);
    let begun = Instant::now();
    while server.run::<u64>(&["HLEN", "room:index:r"]) < 2 {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    proxy.cut();
    let answer = store.collect(1).await.remove(0);
    assert!(matches!(answer, Answer::Appended { result: Err(Fault::Away(_)), .. }), "{answer:?}");
    assert_away(store.probe(true).await, "");
    proxy.restore();
    store.probe(true).await.unwrap();
    assert_eq!(add(&mut store, "2").await, Ok(true));
    assert_eq!(stored(&mut store).await, ["1", "2"]);
}

#[actix::test]
async fn the_lane_takes_its_number_and_refuses_all_that_waits_with_the_next() {
    let server = RedisServer::start();
    let patient = RedisSettings { lane_max: 3, ..settings(server.connection_info()) };
    let mut store = Client::start(patient);
    assert_eq!(add(&mut store, "0").await, Ok(false));
    server.stop();
    let send = |store: &mut Client, ids: &[&str]| {
        for id in ids {
            let command = store.append_command(message(&in_room("r"), id, "x"), None);
            store.send(vec![command]);
        }
    };
    // One is on its way, three wait.
    send(&mut store, &["1", "2", "3", "4"]);
    assert_eq!(store.counter("full"), 0);
    send(&mut store, &["5"]);
    let refused = store.collect(4).await;
    for answer in &refused {
        assert!(
            matches!(answer, Answer::Appended { result: Err(Fault::Away(why)), .. } if why.contains("too many")),
            "{answer:?}"
        );
    }
    assert_eq!(store.counter("full"), 1);
    server.resume();
    let on_its_way = store.collect(1).await.remove(0);
    assert!(matches!(on_its_way, Answer::Appended { result: Ok(_), .. }), "{on_its_way:?}");
    store.probe(true).await.unwrap();
    assert_eq!(stored(&mut store).await, ["0", "1"]);
}

#[actix::test]
async fn reads_wait_in_their_number_and_no_more() {
    let server = RedisServer::start();
    let few = RedisSettings { reads_max: 2, pool_size: 2, ..impatient(server.connection_info()) };
    let mut store = Client::start(few);
    assert!(stored(&mut store).await.is_empty());
    server.stop();
    for _ in 0..3 {
        let ticket = store.ticket();
        store.send(vec![read_command(ticket, in_room("r"), page(1, None))]);
    }
    let begun = Instant::now();
    // One runs, two wait.
    let refused = store.read(in_room("r"), page(1, None)).await;
    // That says nothing about Redis.
    assert!(matches!(refused, Err(Fault::Busy(why)) if why.contains("too many")));
    assert!(begun.elapsed() < Duration::from_millis(900), "it is refused at once");
    // The one that ran was not answered; those that waited too long for it were not asked.
    let faults: Vec<bool> = store
        .collect(3)
        .await
        .into_iter()
        .map(|answer| match answer {
            Answer::Loaded { result: Err(fault), .. } => matches!(fault, Fault::Away(_)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(faults[0], "{faults:?}");
    server.resume();
    assert!(stored(&mut store).await.is_empty());
}
