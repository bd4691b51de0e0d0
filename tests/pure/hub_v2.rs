//! What a client that asks for `v=2` gets beyond v1, and how sessions come and go.

use std::time::Duration;

use aleatoria::hub::{Append, Conversation, Fact, Health, Input, Kept, Origin, Placed, StoreError};
use aleatoria::protocol::{
    CloseCode, Draft, Limits, MessageId, Page, Position, RoomId, UserId, Version,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::world::World;

fn chat(room: &str, id: &str) -> String {
    json!({"type": "chat_message", "room": room, "messageId": id, "ref": "r", "payload": {"content": "x"}})
        .to_string()
}

#[test]
fn the_first_frame_of_a_v2_session_is_its_welcome() {
    let mut world = World::with(Limits::default());
    let ana = world.connect_to("ana", Version::V2, Some("tea"));
    let frame = world.assert_push(ana, "welcome");
    let payload = &frame["payload"];
    assert_eq!(payload["userId"], "ana");
    assert_eq!(payload["sessionId"], ana.to_string());
    assert_eq!(payload["rooms"], json!(["tea"]));
    assert_eq!(payload["pingIntervalMs"], 25_000);
    assert_eq!(payload["node"], "node-1");
    assert_eq!(payload["limits"]["frameBytes"], 1_048_576);
    assert_eq!(payload["serviceState"]["store"], "ok");
    world.refute_push(ana);
}

#[test]
fn every_accepted_message_is_acknowledged_and_a_repeated_one_again() {
    let mut world = World::new();
    let ana = world.connect_to("ana", Version::V2, Some("tea"));
    world.clear();
    world.say(ana, &chat("tea", "m1"));
    let message = world.assert_push(ana, "chat_message");
    let first = world.assert_push(ana, "ack");
    assert_eq!((&first["messageId"], &first["ref"]), (&json!("m1"), &json!("r")));
    assert_eq!(first["payload"]["stored"], "memory");
    assert_eq!(first["payload"]["createTime"], message["createTime"]);
    let position = first["payload"]["position"].as_u64().unwrap();
    assert_eq!(Position(position).to_rfc3339(), message["createTime"].as_str().unwrap());
    world.pass(Duration::from_secs(5));
    world.say(ana, &chat("tea", "m1"));
    let second = world.assert_push(ana, "ack");
    assert_eq!(second["payload"], first["payload"], "the old position");
    world.refute_push(ana);
}

#[test]
fn a_page_says_whether_there_is_more_and_a_ref_comes_back() {
    let mut world = World::new();
    let ana = world.connect_to("ana", Version::V2, Some("tea"));
    for number in 0..3 {
        world.say(ana, &chat("tea", &format!("m{number}")));
    }
    world.clear();
    for (limit, more) in [(2, true), (3, false)] {
        let request = json!({"type": "get_recent_messages", "room": "tea", "ref": "q", "payload": {"limit": limit}});
        world.say(ana, &request.to_string());
        let frame = world.assert_push(ana, "recent_messages");
        assert_eq!((&frame["payload"]["hasMore"], &frame["ref"]), (&json!(more), &json!("q")));
    }
}

#[test]
fn a_page_holds_as_many_bytes_as_it_may_and_one_message_of_any_size() {
    let message = 100 + "x".len();
    let limits = Limits { page_bytes_max: 600, frames_per_second: 0, ..Limits::default() };
    let mut world = World::with(limits);
    let ana = world.connect_to("ana", Version::V2, Some("tea"));
    for number in 0..9 {
        world.say(ana, &chat("tea", &format!("m{number}")));
    }
    world.clear();
    world.say(ana, r#"{"type":"get_recent_messages","room":"tea"}"#);
    let page = world.assert_push(ana, "recent_messages")["payload"].clone();
    let messages = page["messages"].as_array().unwrap();
    assert_eq!(messages[0]["messageId"], "m8", "the newest ones are left");
    assert!((2..600 / message).contains(&messages.len()), "{}", messages.len());
    assert_eq!(page["hasMore"], true);
    let large = "x".repeat(2_000);
    world.say(
        ana,
        &json!({"type": "chat_message", "room": "tea", "payload": {"content": large}}).to_string(),
    );
    world.clear();
    world.say(ana, r#"{"type":"get_recent_messages","room":"tea"}"#);
    let page = world.assert_push(ana, "recent_messages")["payload"].clone();
    assert_eq!(page["messages"].as_array().unwrap().len(), 1);
    assert_eq!(page["hasMore"], true);
}

#[test]
fn availability_and_ping_are_answered() {
    let mut world = World::new();
    let ana = world.connect("ana", Version::V2);
    world.clear();
    for (request, status) in
        [("user_available_webrtc", "available"), ("user_unavailable_webrtc", "unavailable")]
    {
        world.say(ana, &json!({"type": request}).to_string());
        assert_eq!(world.assert_push(ana, "availability")["payload"], json!({"status": status}));
    }
    world.say(ana, r#"{"type":"ping","ref":"p"}"#);
    assert_eq!(world.assert_push(ana, "pong")["ref"], "p");
}

#[test]
fn a_v1_session_that_sends_a_v2_frame_gets_its_reply() {
    let mut world = World::new();
    let ana = world.connect("ana", Version::V1);
    world.say(ana, r#"{"type":"ping"}"#);
    world.assert_push(ana, "pong");
}

#[test]
fn a_change_of_the_stores_health_is_told_once() {
    let mut world = World::new();
    let ana = world.connect("ana", Version::V2);
    let old = world.connect("old", Version::V1);
    world.clear();
    for _ in 0..2 {
        world.handle(Input::StoreHealth(Health::Degraded));
    }
    let payload = world.assert_push(ana, "service_state")["payload"].clone();
    assert_eq!((&payload["store"], &payload["cluster"]), (&json!("degraded"), &json!("ok")));
    assert!(payload["since"].is_string());
    world.handle(Input::StoreHealth(Health::Ok));
    assert_eq!(world.assert_push(ana, "service_state")["payload"]["store"], "ok");
    world.refute_push(ana);
    world.refute_push(old);
}

#[test]
fn a_history_that_cannot_be_read_is_an_error_for_v2_and_empty_for_v1() {
    let mut world = World::new();
    for (version, kind) in [(Version::V2, "error"), (Version::V1, "recent_messages")] {
        let session = world.connect("ana", version);
        world.clear();
        let origin = Origin { session, reference: Some("r".into()) };
        let conversation = Conversation::Room(RoomId::new("tea").unwrap());
        let page = Page { limit: 5, before: None };
        let read = aleatoria::hub::Read { origin, conversation, page };
        world.handle(Input::Loaded { read, result: Err(StoreError::Unavailable) });
        let frame = world.assert_push(session, kind);
        match version {
            Version::V2 => {
                assert_eq!(frame["payload"]["code"], "store_unavailable");
                assert_eq!(
                    (&frame["payload"]["retryable"], &frame["ref"]),
                    (&json!(true), &json!("r"))
                );
            }
            Version::V1 => assert_eq!(frame["payload"]["messages"], json!([])),
        }
    }
}

#[test]
fn a_journalled_message_is_acknowledged_again_when_redis_has_it() {
    let mut world = World::new();
    let ana = world.connect_to("ana", Version::V2, Some("tea"));
    world.clear();
    let (author, room) = (UserId::new("ana").unwrap(), RoomId::new("tea").unwrap());
    let message_id = MessageId::new("m1").unwrap();
    let payload = RawValue::from_string(r#"{"content":"x"}"#.into()).unwrap();
    let append = Append {
        origin: Some(Origin { session: ana, reference: Some("r".into()) }),
        draft: Draft::new(&author, None, Some(&room), &message_id, &payload),
        conversation: Conversation::Room(room),
        author,
        message_id,
    };
    let position = Position(1_767_225_600_000_000);
    let placed = Placed { position, previous: Position(0), kept: Kept::Journal };
    let message = Some(append.draft.at(position));
    world.handle(Input::Appended { append: append.clone(), placed, message });
    world.assert_push(ana, "chat_message");
    assert_eq!(world.assert_push(ana, "ack")["payload"]["stored"], "journal");
    world.handle(Input::Confirmed { append, position });
    let ack = world.assert_push(ana, "ack");
    assert_eq!((&ack["payload"]["stored"], &ack["ref"]), (&json!("redis"), &json!("r")));
    world.refute_push(ana);
}

#[test]
fn what_is_over_the_rate_is_dropped_and_told_once_a_second() {
    let mut world =
        World::with(Limits { frames_per_second: 5, frames_burst: 5, ..Limits::default() });
    let ana = world.connect("ana", Version::V1);
    for _ in 0..20 {
        world.say(ana, r#"{"type":"get_rooms"}"#);
    }
    for _ in 0..5 {
        world.assert_push(ana, "rooms_list");
    }
    let payload = world.assert_push(ana, "error")["payload"].clone();
    assert_eq!((&payload["code"], &payload["retryAfterMs"]), (&json!("rate_limited"), &json!(200)));
    assert_eq!(payload["retryable"], true);
    world.refute_push(ana);
    assert_eq!(world.hub.counters().rate_limited, 15);
    world.pass(Duration::from_millis(200));
    world.say(ana, r#"{"type":"get_rooms"}"#);
    world.assert_push(ana, "rooms_list");
}

#[test]
fn a_flood_of_ten_seconds_is_closed_with_4108() {
    let mut world =
        World::with(Limits { frames_per_second: 5, frames_burst: 5, ..Limits::default() });
    let ana = world.connect("ana", Version::V1);
    for _ in 0..12 {
        world.pass(Duration::from_secs(1));
        for _ in 0..50 {
            world.say(ana, r#"{"type":"get_rooms"}"#);
        }
    }
    assert_eq!(world.closed(ana).unwrap().0, CloseCode::TooMany);
    assert_eq!(world.hub.session_count(), 0);
}

#[test]
fn an_overflowed_session_is_forgotten_at_once() {
    let mut world = World::new();
    let [slow, bob] = world.join_all("tea", ["slow", "bob"]);
    world.handle(Input::Overflowed { session: slow });
    world.say(bob, &chat("tea", "m1"));
    world.refute_push(slow);
    world.assert_push(bob, "chat_message");
    // The transport may tell of the end of the socket later.
    world.handle(Input::Closed { session: slow });
    assert_eq!(world.hub.session_count(), 1);
}

#[test]
fn memberships_are_told_once_and_taken_back_with_the_last_session() {
    let mut world = World::new();
    let one = world.connect_to("ana", Version::V1, Some("tea"));
    let two = world.connect_to("ana", Version::V1, Some("tea"));
    world.say(one, r#"{"type":"join_room","room":"tea"}"#);
    let (user, room) = (UserId::new("ana").unwrap(), RoomId::new("tea").unwrap());
    let joined = |session| Fact::Joined { session, user: user.clone(), room: room.clone() };
    assert_eq!(world.facts, [joined(one), joined(two)]);
    world.facts.clear();
    world.disconnect(one);
    world.disconnect(two);
    world.disconnect(two);
    let left = |session, last| Fact::Left { session, user: user.clone(), room: room.clone(), last };
    assert_eq!(world.facts, [left(one, false), left(two, true)]);
    assert_eq!((world.hub.room_count(), world.hub.session_count()), (0, 0));
}

#[test]
fn a_store_that_forgot_is_told_all_that_holds() {
    let mut world = World::new();
    let ana = world.connect_to("ana", Version::V1, Some("tea"));
    world.say(ana, r#"{"type":"join_room","room":"coffee"}"#);
    world.say(ana, r#"{"type":"user_available_webrtc"}"#);
    let mut told: Vec<String> = world.facts.iter().map(|fact| format!("{fact:?}")).collect();
    world.facts.clear();
    world.handle(Input::TellFacts);
    let mut again: Vec<String> = world.facts.iter().map(|fact| format!("{fact:?}")).collect();
    told.sort();
    again.sort();
    assert_eq!(told, again);
    assert_eq!(again.len(), 3);
}

#[test]
fn a_stopping_hub_gives_every_client_its_own_time_to_come_back() {
    let mut world = World::new();
    let sessions: Vec<_> =
        (0..10).map(|number| world.connect(&format!("u{number}"), Version::V2)).collect();
    world.clear();
    world.handle(Input::Drain);
    let mut times: Vec<u64> = sessions
        .iter()
        .map(|session| {
            let (code, reason) = world.closed(*session).expect("everybody is told");
            assert_eq!(*code, CloseCode::ShuttingDown);
            serde_json::from_str::<Value>(reason).unwrap()["reconnectAfterMs"].as_u64().unwrap()
        })
        .collect();
    times.sort_unstable();
    assert_eq!(times, (0..10).map(|place| place * 1000).collect::<Vec<_>>());
    assert_eq!(world.facts.len(), 10, "all memberships are taken back");
    // More clients than milliseconds: the times are still spread over all of them.
    let mut world = World::new();
    let sessions: Vec<_> =
        (0..20_000).map(|number| world.connect(&format!("u{number}"), Version::V1)).collect();
    world.handle(Input::Drain);
    let last = world.closed(*sessions.iter().max().unwrap()).unwrap();
    assert_eq!(last.1, r#"{"reconnectAfterMs":9999}"#);
    let late = world.connect("late", Version::V1);
    assert_eq!(world.closed(late).unwrap().0, CloseCode::ShuttingDown);
    assert_eq!(world.hub.session_count(), 0);
}
