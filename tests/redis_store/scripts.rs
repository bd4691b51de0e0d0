//! The scripts themselves: times, and what happens when the server does not know them.

use std::time::Duration;

use aleatoria::actors::redis_store::RedisSettings;
use aleatoria::hub::Fact;
use aleatoria::protocol::Position;
use aleatoria::store::{Answer, Command};

use crate::server::RedisServer;
use crate::store::*;

fn settings(server: &RedisServer) -> RedisSettings {
    RedisSettings::new(server.connection_info(), "n1")
}

/// Some instants of every year that a double holds exactly, leap days and turns of years among them.
fn instants() -> Vec<Position> {
    const DAY: u64 = 86_400_000_000;
    let mut instants: Vec<u64> =
        (0..104_000 / 37).map(|day| day * 37 * DAY + day * 7_919_000_003 % DAY).collect();
    for midnight in [
        "1970-01-01",
        "1972-02-29",
        "1999-12-31",
        "2000-02-29",
        "2000-03-01",
        "2024-02-29",
        "2024-12-31",
        "2038-01-19",
        "2099-12-31",
        "2100-02-28",
        "2100-03-01",
        "2200-03-01",
        "2255-01-01",
    ] {
        let at = Position::parse_rfc3339(&format!("{midnight}T00:00:00Z")).unwrap().0;
        instants.extend([at, at + 1, at + DAY - 1]);
    }
    instants.sort_unstable();
    instants.into_iter().map(Position).collect()
}

#[actix::test]
async fn the_time_in_the_text_is_the_position() {
    let server = RedisServer::start();
    let mut settings = settings(&server);
    settings.retention.age = Duration::MAX;
    settings.retention.count = 10_000;
    let mut store = Client::start(settings);
    let mut expected = Vec::new();
    let mut commands = Vec::new();
    for (number, at) in instants().into_iter().enumerate() {
        let append = message(&in_room("r"), &number.to_string(), "x");
        expected.push(append.draft.at(at).json().to_owned());
        commands.push(store.append_command(append, Some(at)));
    }
    store.send(commands);
    store.collect(expected.len()).await;
    let stored: Vec<String> = server.run(&["ZRANGE", "room:messages:r", "0", "-1"]);
    assert_eq!(stored.len(), expected.len());
    for (stored, expected) in stored.iter().zip(&expected) {
        assert_eq!(stored, expected);
    }
}

#[actix::test]
async fn scripts_that_the_server_forgot_are_taught_again() {
    let server = RedisServer::start();
    let mut store = Client::start(settings(&server));
    for round in 0..3 {
        let append = message(&in_room("r"), &format!("m{round}"), "x");
        assert!(!store.append(append, None).await.unwrap().2);
        let () = server.run(&["SCRIPT", "FLUSH"]);
        assert_eq!(
            store.read(in_room("r"), page(9, None)).await.unwrap().messages.len(),
            round + 1
        );
        let () = server.run(&["SCRIPT", "FLUSH"]);
    }
}

#[actix::test]
async fn a_batch_keeps_its_order_when_the_server_knows_only_some_of_its_scripts() {
    let server = RedisServer::start();
    let mut store = Client::start(settings(&server));
    // A command that is no script stands between those that must be sent again.
    let mut commands: Vec<_> = [
        joined(1, "ana", "r"),
        Fact::Available { user: user("ana") },
        Fact::Unavailable { user: user("ana") },
        left(1, "ana", "r", true),
    ]
    .map(Command::Tell)
    .into();
    commands.push(store.append_command(message(&in_room("r"), "1", "x"), None));
    store.send(commands);
    assert!(matches!(&store.collect(1).await[..], [Answer::Appended { result: Ok(_), .. }]));
    store.settle().await;
    assert_eq!(server.keys(), ["room:index:r", "room:messages:r", "room:state:r"]);
}

#[actix::test]
async fn thousands_of_messages_sent_together_are_answered_in_order() {
    let server = RedisServer::start();
    let mut settings = settings(&server);
    settings.retention.count = 10_000;
    let mut store = Client::start(settings);
    let commands: Vec<_> = (0..5_000)
        .map(|number| {
            let append = message(&in_room("r"), &number.to_string(), "x");
            store.append_command(append, None)
        })
        .collect();
    let tickets: Vec<_> = commands
        .iter()
        .map(|command| match command {
            Command::Append { ticket, .. } => *ticket,
            other => panic!("{other:?}"),
        })
        .collect();
    store.send(commands);
    let mut last = Position(0);
    for (answer, expected) in store.collect(5_000).await.into_iter().zip(tickets) {
        let Answer::Appended { ticket, result: Ok((position, previous, false)) } = answer else {
            panic!("{answer:?}")
        };
        assert_eq!((ticket, previous), (expected, last));
        assert!(position > last);
        last = position;
    }
    assert!(store.counter("batches") < 50, "they were sent together");
}
