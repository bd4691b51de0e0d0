//! Every v1 row of the protocol, against the pure hub.

use aleatoria::hub::{Input, SessionId};
use aleatoria::protocol::{FrameKind, Limits, Version};
use serde_json::{Value, json};

use crate::world::World;

fn chat(room: &str, content: &str) -> String {
    json!({"type": "chat_message", "room": room, "payload": {"content": content}}).to_string()
}

fn direct(user: &str, content: &str) -> String {
    json!({"type": "chat_message", "toUser": user, "payload": {"content": content}}).to_string()
}

fn code(frame: &Value) -> &str {
    frame["payload"]["code"].as_str().expect("errors have a code")
}

#[test]
fn members_of_a_room_get_a_message_and_so_does_its_sender() {
    let mut world = World::new();
    let [ana, bob] = world.join_all("tea", ["ana", "bob"]);
    let [cy] = world.join_all("coffee", ["cy"]);
    world.say(ana, &chat("tea", "hello"));
    for member in [ana, bob] {
        let frame = world.assert_push(member, "chat_message");
        assert_eq!(frame["fromUser"], "ana");
        assert_eq!(frame["room"], "tea");
        assert_eq!(frame["payload"], json!({"content": "hello"}));
        assert_eq!(frame["createTime"].as_str().unwrap().len(), 27);
        assert_eq!(frame["messageId"].as_str().unwrap().len(), 36);
        world.refute_push(member);
    }
    world.refute_push(cy);
}

#[test]
fn a_sender_who_is_not_in_the_room_is_told_so() {
    let mut world = World::new();
    let ana = world.connect("ana", Version::V1);
    let [bob] = world.join_all("tea", ["bob"]);
    let frame = json!({"type": "chat_message", "room": "tea", "messageId": "m1", "ref": "r1", "payload": {"content": "x"}});
    world.say(ana, &frame.to_string());
    let error = world.assert_push(ana, "error");
    assert_eq!(code(&error), "not_in_room");
    assert_eq!((&error["ref"], &error["messageId"]), (&json!("r1"), &json!("m1")));
    world.refute_push(bob);
}

#[test]
fn a_direct_message_reaches_all_sessions_of_both_users() {
    let mut world = World::new();
    let ana = [world.connect("ana", Version::V1), world.connect("ana", Version::V1)];
    let bob = [world.connect("bob", Version::V1), world.connect("bob", Version::V1)];
    let cy = world.connect("cy", Version::V1);
    world.say(ana[0], &direct("bob", "psst"));
    for (sessions, incoming) in [(ana, false), (bob, true)] {
        for session in sessions {
            let frame = world.assert_push(session, "chat_message");
            assert_eq!(frame["incoming"], incoming);
            assert_eq!(frame["toUser"], "bob");
            assert_eq!(frame["payload"]["content"], "psst");
            world.refute_push(session);
        }
    }
    world.refute_push(cy);
}

#[test]
fn an_offline_recipient_finds_the_message_in_the_history() {
    let mut world = World::new();
    let ana = world.connect("ana", Version::V1);
    world.say(ana, &direct("bob", "one"));
    world.say(ana, &direct("bob", "two"));
    world.clear();
    let bob = world.connect("bob", Version::V1);
    world.say(bob, r#"{"type":"get_direct_messages","payload":{"withUser":"ana"}}"#);
    let frame = world.assert_push(bob, "direct_messages");
    assert_eq!(frame["payload"]["withUser"], "ana");
    let messages = frame["payload"]["messages"].as_array().unwrap();
    let contents: Vec<&Value> = messages.iter().map(|it| &it["payload"]["content"]).collect();
    assert_eq!(contents, ["one", "two"], "oldest first");
    assert!(messages.iter().all(|message| message["incoming"] == true));
    assert_eq!(frame["payload"].get("hasMore"), None, "v1 does not know it");
}

#[test]
fn a_message_to_oneself_comes_once() {
    let mut world = World::new();
    let ana = world.connect("ana", Version::V1);
    world.say(ana, &direct("ana", "note"));
    assert_eq!(world.assert_push(ana, "chat_message")["incoming"], false);
    world.refute_push(ana);
}

#[test]
fn both_or_neither_of_room_and_user_is_an_invalid_field() {
    let mut world = World::new();
    let ana = world.connect("ana", Version::V1);
    let payload = json!({"content": "x"});
    for frame in [
        json!({"type": "chat_message", "payload": payload}),
        json!({"type": "chat_message", "room": "Lobby", "toUser": "bob", "payload": payload}),
    ] {
        world.say(ana, &frame.to_string());
        assert_eq!(code(&world.assert_push(ana, "error")), "invalid_field");
    }
}

#[test]
fn joining_and_leaving_are_answered_and_may_be_repeated() {
    let mut world = World::new();
    let ana = world.connect("ana", Version::V1);
    for _ in 0..2 {
        world.say(ana, r#"{"type":"join_room","room":"tea"}"#);
        let frame = world.assert_push(ana, "room_joined");
        assert_eq!(frame["payload"], json!({"room": "tea", "action": "joined"}));
        assert_eq!((&frame["room"], &frame["toUser"]), (&json!("tea"), &json!("ana")));
        assert_eq!(frame["fromUser"], "system");
    }
    world.say(ana, r#"{"type":"get_rooms"}"#);
    let frame = world.assert_push(ana, "rooms_list");
    assert_eq!(frame["payload"], json!({"rooms": ["Lobby", "tea"]}));
    for _ in 0..2 {
        world.say(ana, r#"{"type":"leave_room","room":"tea"}"#);
        let frame = world.assert_push(ana, "room_left");
        assert_eq!(frame["payload"], json!({"room": "tea", "action": "left"}));
    }
    world.say(ana, &chat("tea", "anybody?"));
    assert_eq!(code(&world.assert_push(ana, "error")), "not_in_room");
}

#[test]
fn without_a_room_a_session_is_in_the_lobby_and_is_told_nothing() {
    let mut world = World::new();
    let ana = world.connect("ana", Version::V1);
    world.refute_push(ana);
    world.say(ana, r#"{"type":"get_rooms"}"#);
    assert_eq!(world.assert_push(ana, "rooms_list")["payload"]["rooms"], json!(["Lobby"]));
    let [bob] = world.join_all("tea", ["bob"]);
    world.refute_push(bob);
    world.say(bob, r#"{"type":"get_rooms"}"#);
    assert_eq!(world.assert_push(bob, "rooms_list")["payload"]["rooms"], json!(["tea"]));
}

#[test]
fn recent_messages_come_newest_first_and_page_backwards() {
    let mut world = World::new();
    let [ana] = world.join_all("tea", ["ana"]);
    for number in 0..7 {
        world.say(ana, &chat("tea", &number.to_string()));
    }
    world.clear();
    let mut before = Value::Null;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let request = json!({"type": "get_recent_messages", "room": "tea", "payload": {"limit": 3, "before": before}});
        world.say(ana, &request.to_string());
        let frame = world.assert_push(ana, "recent_messages");
        assert_eq!(frame["payload"]["room"], "tea");
        let messages = frame["payload"]["messages"].as_array().unwrap().clone();
        before = messages.last().unwrap()["createTime"].clone();
        seen.extend(messages.iter().map(|message| message["payload"]["content"].clone()));
    }
    assert_eq!(seen, ["6", "5", "4", "3", "2", "1", "0"]);
}

#[test]
fn a_page_of_history_has_1_to_200_messages_and_50_by_default() {
    let mut world = World::new();
    let [ana] = world.join_all("tea", ["ana"]);
    for number in 0..250 {
        world.say(ana, &chat("tea", &number.to_string()));
    }
    world.clear();
    for (limit, count) in [(json!(null), 50), (json!(1), 1), (json!(200), 200)] {
        let request =
            json!({"type": "get_recent_messages", "room": "tea", "payload": {"limit": limit}});
        world.say(ana, &request.to_string());
        let frame = world.assert_push(ana, "recent_messages");
        assert_eq!(frame["payload"]["messages"].as_array().unwrap().len(), count);
    }
    for limit in [json!(0), json!(201), json!(-1), json!("5"), json!(1.5)] {
        let request =
            json!({"type": "get_recent_messages", "room": "tea", "payload": {"limit": limit}});
        world.say(ana, &request.to_string());
        let error = world.assert_push(ana, "error");
        assert_eq!((code(&error), &error["payload"]["field"]), ("invalid_field", &json!("limit")));
    }
}

#[test]
fn the_same_message_id_is_the_same_message() {
    let mut world = World::new();
    let [ana, bob] = world.join_all("tea", ["ana", "bob"]);
    let again = json!({"type": "chat_message", "room": "tea", "messageId": "m1", "payload": {"content": "once"}});
    for _ in 0..3 {
        world.say(ana, &again.to_string());
    }
    world.assert_push(bob, "chat_message");
    world.refute_push(bob);
}

#[test]
fn the_servers_word_stands_over_what_a_client_says_of_author_and_time() {
    let mut world = World::new();
    let [ana] = world.join_all("tea", ["ana"]);
    let frame = json!({"type": "chat_message", "room": "tea", "fromUser": "eve", "createTime": "1999-01-01T00:00:00Z", "incoming": true, "extra": 1, "payload": {"content": "x"}});
    world.say(ana, &frame.to_string());
    let frame = world.assert_push(ana, "chat_message");
    assert_eq!(frame["fromUser"], "ana");
    assert!(frame["createTime"].as_str().unwrap().starts_with("2026-"));
    assert_eq!(frame.get("extra"), None);
}

#[test]
fn a_random_peer_is_drawn_from_the_available_and_both_get_a_role() {
    let mut world = World::new();
    let [ana, bob] = world.join_all("tea", ["ana", "bob"]);
    world.say(ana, r#"{"type":"request_random_peer"}"#);
    assert!(world.assert_push(ana, "no_peer_available")["payload"]["message"].is_string());
    world.say(bob, r#"{"type":"user_available_webrtc"}"#);
    world.refute_push(bob);
    world.say(ana, r#"{"type":"request_random_peer"}"#);
    let (one, other) =
        (world.assert_push(ana, "assign_role"), world.assert_push(bob, "assign_role"));
    assert_eq!(one["payload"], json!({"role": "impolite", "peerId": "bob"}));
    assert_eq!(other["payload"], json!({"role": "polite", "peerId": "ana"}));
    // Matched is no longer available.
    world.say(ana, r#"{"type":"request_random_peer"}"#);
    world.assert_push(ana, "no_peer_available");
}

#[test]
fn nobody_is_matched_with_oneself_the_current_peer_or_one_who_left() {
    let mut world = World::new();
    let [ana, bob, cy] = world.join_all("tea", ["ana", "bob", "cy"]);
    for session in [ana, bob, cy] {
        world.say(session, r#"{"type":"user_available_webrtc"}"#);
    }
    world.disconnect(cy);
    world.say(ana, r#"{"type":"request_random_peer","payload":{"currentPeerId":"bob"}}"#);
    world.assert_push(ana, "no_peer_available");
    world.say(bob, r#"{"type":"user_unavailable_webrtc"}"#);
    world.say(ana, r#"{"type":"request_random_peer"}"#);
    world.assert_push(ana, "no_peer_available");
    assert_eq!(world.hub.available_count(), 1);
}

#[test]
fn draws_are_even_over_all_who_may_be_drawn() {
    let mut drawn = std::collections::HashMap::new();
    let mut world = World::new();
    let ana = world.connect("ana", Version::V1);
    let peers: Vec<SessionId> =
        (0..6).map(|number| world.connect(&format!("p{number}"), Version::V1)).collect();
    for _ in 0..4_000 {
        for peer in peers.iter().chain([&ana]) {
            world.say(*peer, r#"{"type":"user_available_webrtc"}"#);
        }
        world.say(ana, r#"{"type":"request_random_peer","payload":{"currentPeerId":"p5"}}"#);
        let peer = world.assert_push(ana, "assign_role")["payload"]["peerId"].clone();
        *drawn.entry(peer.as_str().unwrap().to_owned()).or_insert(0) += 1;
        world.clear();
    }
    assert_eq!(drawn.len(), 5, "never oneself, never the excepted: {drawn:?}");
    assert!(drawn.values().all(|count| (700..900).contains(count)), "{drawn:?}");
}

#[test]
fn signals_are_relayed_unchanged_with_their_sender() {
    let mut world = World::new();
    let [ana, bob] = world.join_all("tea", ["ana", "bob"]);
    for kind in ["webrtc_offer", "webrtc_answer", "webrtc_candidate", "hangup"] {
        let text = format!(
            r#"{{"type":"{kind}","toUser":"bob","payload":{{"sdp": "v=0\r\n", "n":1.0}}}}"#
        );
        world.say(ana, &text);
        let text = world.next_text(bob).expect("relayed");
        assert!(text.contains(r#""payload":{"sdp": "v=0\r\n", "n":1.0}"#), "{text}");
        let frame: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&frame["type"], &frame["fromUser"]), (&json!(kind), &json!("ana")));
    }
    for payload in ["null", "{}", r#"{"candidate":""}"#] {
        let text = format!(r#"{{"type":"webrtc_candidate","toUser":"bob","payload":{payload}}}"#);
        world.say(ana, &text);
        let relayed = world.next_text(bob).expect("relayed");
        assert!(relayed.ends_with(&format!(r#","payload":{payload}}}"#)), "{relayed}");
    }
    world.say(ana, r#"{"type":"webrtc_offer","toUser":"zoe","payload":{}}"#);
    assert_eq!(code(&world.assert_push(ana, "error")), "peer_unavailable");
}

#[test]
fn a_signal_has_a_largest_size() {
    let mut world = World::new();
    let [ana, bob] = world.join_all("tea", ["ana", "bob"]);
    for (kind, bytes) in [("webrtc_offer", 64 * 1024), ("webrtc_candidate", 4 * 1024)] {
        for (length, fits) in [(bytes, true), (bytes + 1, false)] {
            let payload = format!(r#""{}""#, "x".repeat(length - 2));
            world.say(ana, &format!(r#"{{"type":"{kind}","toUser":"bob","payload":{payload}}}"#));
            if fits {
                world.assert_push(bob, kind);
            } else {
                assert_eq!(code(&world.assert_push(ana, "error")), "too_large");
            }
        }
    }
}

#[test]
fn what_is_no_frame_is_answered_and_the_session_stays() {
    let mut world = World::new();
    let ana = world.connect("ana", Version::V1);
    for text in
        ["", "x", "[]", r#"["chat_message"]"#, "{", "42", "{}", r#"{"type":7}"#, r#"{"type":null}"#]
    {
        world.say(ana, text);
        let frame = world.assert_push(ana, "error_response");
        assert_eq!(frame["toUser"], "ana");
        assert!(frame["messageId"].as_str().unwrap().starts_with("err-"));
        assert_eq!(code(&frame), "invalid_frame");
        assert!(frame["payload"]["error"].is_string() && frame["payload"]["details"].is_string());
    }
    world.handle(Input::Binary { session: ana });
    assert_eq!(code(&world.assert_push(ana, "error")), "invalid_frame");
    world.say(ana, r#"{"type":"get_rooms"}"#);
    world.assert_push(ana, "rooms_list");
}

#[test]
fn an_unknown_type_and_one_that_only_the_server_sends_are_told_apart() {
    let mut world = World::new();
    let ana = world.connect("ana", Version::V1);
    world.say(ana, r#"{"type":"dance","ref":"r"}"#);
    let error = world.assert_push(ana, "error");
    assert_eq!((code(&error), &error["ref"]), ("unknown_type", &json!("r")));
    for kind in FrameKind::ALL {
        let both = ["chat_message", "webrtc_offer", "webrtc_answer", "webrtc_candidate", "hangup"];
        if both.contains(&kind.name()) {
            continue;
        }
        world.say(ana, &json!({"type": kind.name()}).to_string());
        assert_eq!(code(&world.assert_push(ana, "error")), "forbidden", "{}", kind.name());
    }
}

#[test]
fn an_absent_field_is_missing_and_a_wrong_one_invalid() {
    let mut world = World::new();
    let ana = world.connect("ana", Version::V1);
    for (frame, expected, field) in [
        (json!({"type": "join_room"}), "missing_field", "room"),
        (json!({"type": "join_room", "room": null}), "missing_field", "room"),
        (json!({"type": "join_room", "room": 5}), "invalid_field", "room"),
        (json!({"type": "join_room", "room": " x"}), "invalid_field", "room"),
        (json!({"type": "leave_room", "room": ""}), "invalid_field", "room"),
        (json!({"type": "join_room", "room": "x", "ref": 1}), "invalid_field", "ref"),
        (json!({"type": "join_room", "room": "x", "ref": "r".repeat(65)}), "invalid_field", "ref"),
        (json!({"type": "get_recent_messages"}), "missing_field", "room"),
        (
            json!({"type": "get_recent_messages", "room": "x", "payload": 1}),
            "invalid_field",
            "payload",
        ),
        (
            json!({"type": "get_recent_messages", "room": "x", "payload": {"before": "now"}}),
            "invalid_field",
            "before",
        ),
        (json!({"type": "get_direct_messages"}), "missing_field", "withUser"),
        (
            json!({"type": "get_direct_messages", "payload": {"withUser": {}}}),
            "invalid_field",
            "withUser",
        ),
        (json!({"type": "webrtc_offer", "payload": {}}), "missing_field", "toUser"),
        (
            json!({"type": "request_random_peer", "payload": {"currentPeerId": 1}}),
            "invalid_field",
            "currentPeerId",
        ),
        (json!({"type": "chat_message", "room": "Lobby"}), "missing_field", "payload"),
        (
            json!({"type": "chat_message", "room": "Lobby", "payload": "hi"}),
            "invalid_field",
            "payload",
        ),
        (
            json!({"type": "chat_message", "room": "Lobby", "payload": {}}),
            "missing_field",
            "content",
        ),
        (
            json!({"type": "chat_message", "room": "Lobby", "payload": {"content": 1}}),
            "invalid_field",
            "content",
        ),
        (
            json!({"type": "chat_message", "room": "Lobby", "payload": {"content": ""}}),
            "invalid_field",
            "content",
        ),
        (
            json!({"type": "chat_message", "room": "Lobby", "messageId": "", "payload": {"content": "x"}}),
            "invalid_field",
            "messageId",
        ),
    ] {
        world.say(ana, &frame.to_string());
        let error = world.assert_push(ana, "error");
        assert_eq!(
            (code(&error), &error["payload"]["field"]),
            (expected, &json!(field)),
            "{frame}"
        );
    }
    // Empty text with a picture beside it is a message.
    world.say(ana, &json!({"type": "chat_message", "room": "Lobby", "payload": {"content": "", "image": "data:,"}}).to_string());
    world.assert_push(ana, "chat_message");
}

#[test]
fn a_v1_session_never_receives_a_type_outside_v1() {
    let mut world = World::new();
    let [ana, bob] = world.join_all("tea", ["ana", "bob"]);
    let modern = world.connect_to("cy", Version::V2, Some("tea"));
    world.handle(Input::StoreHealth(aleatoria::hub::Health::Degraded));
    for session in [modern, ana, bob] {
        world.say(session, &chat("tea", "hi"));
        world.say(session, &direct("bob", "hi"));
        world.say(session, r#"{"type":"user_available_webrtc"}"#);
        world.say(session, r#"{"type":"request_random_peer"}"#);
        world.say(session, r#"{"type":"get_recent_messages","room":"tea"}"#);
    }
    world.disconnect(modern);
    for session in [ana, bob] {
        let mut count = 0;
        while let Some(text) = world.next_text(session) {
            let frame: Value = serde_json::from_str(&text).unwrap();
            let kind = FrameKind::ALL.iter().find(|kind| frame["type"] == kind.name()).unwrap();
            assert!(kind.is_v1(), "{text}");
            count += 1;
        }
        assert!(count > 5);
    }
}

#[test]
fn a_session_may_be_in_so_many_rooms_and_no_more() {
    let mut world = World::with(Limits { rooms_max: 3, frames_per_second: 0, ..Limits::default() });
    let ana = world.connect("ana", Version::V1);
    for room in ["b", "c"] {
        world.say(ana, &json!({"type": "join_room", "room": room}).to_string());
        world.assert_push(ana, "room_joined");
    }
    world.say(ana, r#"{"type":"join_room","room":"d"}"#);
    assert_eq!(code(&world.assert_push(ana, "error")), "too_many_rooms");
    // One that it is in already is no further one.
    world.say(ana, r#"{"type":"join_room","room":"c"}"#);
    world.assert_push(ana, "room_joined");
    world.say(ana, r#"{"type":"leave_room","room":"b"}"#);
    world.assert_push(ana, "room_left");
    world.say(ana, r#"{"type":"join_room","room":"d"}"#);
    world.assert_push(ana, "room_joined");
}
