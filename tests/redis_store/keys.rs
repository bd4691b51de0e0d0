//! The keys as an operator sees them.

use aleatoria::actors::redis_store::RedisSettings;
use aleatoria::hub::Fact;
use aleatoria::store::Command;

use crate::server::RedisServer;
use crate::store::*;

const DAY: i64 = 24 * 3600;

fn settings(server: &RedisServer) -> RedisSettings {
    RedisSettings::new(server.connection_info(), "n1")
}

#[actix::test]
async fn a_room_message_makes_three_keys_that_last_a_day() {
    let server = RedisServer::start();
    let mut store = Client::start(settings(&server));
    let lobby = in_room("lobby");
    let append = message(&lobby, "m1", "hi");
    let (position, previous, duplicate) = store.append(append.clone(), None).await.unwrap();
    assert_eq!((previous.0, duplicate), (0, false));
    assert_eq!(server.keys(), ["room:index:lobby", "room:messages:lobby", "room:state:lobby"]);
    let messages: Vec<(String, u64)> =
        server.run(&["ZRANGE", "room:messages:lobby", "0", "-1", "WITHSCORES"]);
    assert_eq!(messages, [(append.draft.at(position).json().to_owned(), position.0)]);
    let index: Vec<(String, u64)> = server.run(&["HGETALL", "room:index:lobby"]);
    assert_eq!(index, [("m1".to_owned(), position.0)]);
    let last: u64 = server.run(&["HGET", "room:state:lobby", "last"]);
    assert_eq!(last, position.0);
    for key in server.keys() {
        let ttl: i64 = server.run(&["TTL", &key]);
        assert!((DAY - 5..=DAY).contains(&ttl), "{key}: {ttl}");
    }
}
