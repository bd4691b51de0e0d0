//! Clients chat through a hub in memory.

use serde_json::json;

use crate::server::Server;

#[test]
fn two_plain_clients_chat_and_read_the_history() {
    let server = Server::in_memory();
    let (mut ana, mut bob) =
        (server.connect("userId=ana&room=tea"), server.connect("userId=bob&room=tea"));
    // Both are in before anything is said.
    ana.expect_silence();
    bob.expect_silence();
    ana.chat("tea", "m1");
    for member in [&mut ana, &mut bob] {
        let frame = member.expect("chat_message");
        assert_eq!(
            (&frame["fromUser"], &frame["payload"]),
            (&json!("ana"), &json!({"content": "m1"}))
        );
    }
    bob.send(&json!({"type": "chat_message", "toUser": "ana", "payload": {"content": "psst"}}));
    assert_eq!(ana.expect("chat_message")["incoming"], true);
    assert_eq!(bob.expect("chat_message")["incoming"], false);
    bob.send(&json!({"type": "get_recent_messages", "room": "tea"}));
    let page = bob.expect("recent_messages");
    assert_eq!(page["payload"]["messages"][0]["messageId"], "m1");
    ana.send(&json!({"type": "get_direct_messages", "payload": {"withUser": "bob"}}));
    let page = ana.expect("direct_messages");
    assert_eq!(page["payload"]["messages"][0]["payload"]["content"], "psst");
}

#[test]
fn two_peers_find_each_other_and_signal() {
    let server = Server::in_memory();
    let (mut ana, mut bob) = (server.connect("userId=ana"), server.connect("userId=bob"));
    bob.say(r#"{"type":"user_available_webrtc"}"#);
    bob.expect_silence();
    ana.say(r#"{"type":"request_random_peer"}"#);
    assert_eq!(ana.expect("assign_role")["payload"], json!({"role": "impolite", "peerId": "bob"}));
    assert_eq!(bob.expect("assign_role")["payload"], json!({"role": "polite", "peerId": "ana"}));
    ana.say(r#"{"type":"webrtc_offer","toUser":"bob","payload":{"sdp":"v=0"}}"#);
    assert_eq!(bob.expect("webrtc_offer")["fromUser"], "ana");
}

#[test]
fn one_order_for_all_members_over_all_workers() {
    const EACH: usize = 250;
    let server = Server::start(&[("STORAGE_BACKEND", "memory"), ("WORKERS", "2")]);
    let mut members: Vec<_> =
        (0..4).map(|number| server.connect(&format!("userId=u{number}&room=tea"))).collect();
    members.iter_mut().for_each(|member| member.expect_silence());
    for number in 0..EACH {
        for (place, member) in members.iter_mut().enumerate() {
            member.chat("tea", &format!("{place}-{number}"));
        }
    }
    let mut orders = members.iter_mut().map(|member| {
        let mut frames = Vec::new();
        for _ in 0..EACH * 4 {
            let frame = member.expect("chat_message");
            frames.push((frame["createTime"].to_string(), frame["messageId"].to_string()));
        }
        frames
    });
    let first = orders.next().unwrap();
    assert!(first.is_sorted_by(|one, next| one.0 < next.0), "times strictly grow");
    for sender in 0..4 {
        let own: Vec<_> =
            first.iter().filter(|it| it.1.starts_with(&format!("\"{sender}-"))).collect();
        let sent: Vec<_> = (0..EACH).map(|number| format!("\"{sender}-{number}\"")).collect();
        assert!(own.iter().map(|it| &it.1).eq(&sent), "in the order sent");
    }
    assert!(orders.all(|order| order == first));
}

#[test]
fn bad_handshakes_are_refused_over_http() {
    let server = Server::start(&[
        ("STORAGE_BACKEND", "memory"),
        ("ALLOWED_ORIGINS", "https://chat.example"),
        ("MAX_CONNECTIONS_PER_IP", "1"),
    ]);
    let upgrade = |path: &str, origin: &str| {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n{origin}Connection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            server.address
        );
        let (head, body) = server.request(&head);
        let body: serde_json::Value = serde_json::from_str(&body).expect("a JSON error");
        assert_eq!(body["success"], false);
        let status = head.split(' ').nth(1).unwrap().parse::<u16>().unwrap();
        (status, body["error"]["code"].as_str().unwrap().to_owned())
    };
    let good = "Origin: https://chat.example\r\n";
    assert_eq!(upgrade("/ws", good), (400, "missing_field".to_owned()));
    assert_eq!(upgrade("/ws?userId=%20", good), (400, "invalid_field".to_owned()));
    assert_eq!(
        upgrade("/ws?userId=a", "Origin: https://evil.example\r\n"),
        (403, "forbidden".to_owned())
    );
    assert_eq!(upgrade("/ws?userId=a", ""), (403, "forbidden".to_owned()));
    assert_eq!(upgrade("/elsewhere?userId=a", good), (404, "not_found".to_owned()));
    let (head, _) = server.get("/ws?userId=a");
    assert!(head.starts_with("HTTP/1.1 426"), "{head}");
    server.wait_for_metric(r#"aleatoria_handshakes_refused_total{reason="origin"}"#, 2.0);
}

#[test]
fn one_address_has_a_limit_and_so_has_the_node() {
    for (variable, status) in [("MAX_CONNECTIONS_PER_IP", "429"), ("MAX_CONNECTIONS", "503")] {
        let server = Server::start(&[("STORAGE_BACKEND", "memory"), (variable, "2")]);
        let _places = [server.connect("userId=a"), server.connect("userId=b")];
        let (head, _) = server.request(&format!(
            "GET /ws?userId=c HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            server.address
        ));
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
        assert!(head.to_lowercase().contains("retry-after:"), "{head}");
    }
}

#[test]
fn gauges_settle_to_zero_and_health_is_told() {
    let server = Server::in_memory();
    let clients: Vec<_> =
        (0..20).map(|number| server.connect(&format!("userId=u{number}&room=r{number}"))).collect();
    server.wait_for_metric("aleatoria_connections", 20.0);
    assert_eq!(server.metric("aleatoria_rooms"), 20.0);
    drop(clients);
    for gauge in ["aleatoria_connections", "aleatoria_rooms"] {
        server.wait_for_metric(gauge, 0.0);
    }
    assert_eq!(server.get("/health").1, r#"{"status":"ok"}"#);
    assert_eq!(server.get("/ready").1, "hub: ok\nstore: ok\n");
}

#[test]
fn the_page_and_its_parts_are_served_with_a_strict_policy() {
    let server = Server::in_memory();
    let (head, page) = server.get("/");
    assert!(head.to_lowercase().contains("content-security-policy: default-src 'self'"), "{head}");
    for part in page.split("/assets/").skip(1) {
        let name: String = part.chars().take_while(|it| *it != '"').collect();
        let (head, _) = server.get(&format!("/assets/{name}"));
        assert!(head.starts_with("HTTP/1.1 200"), "{name}: {head}");
    }
    assert!(server.get("/assets/none.js").0.starts_with("HTTP/1.1 404"));
    assert!(server.get("/assets/..%2fCargo.toml").0.starts_with("HTTP/1.1 404"));
}
