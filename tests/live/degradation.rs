//! The degradation table of REDIS_INTEGRATION.md is true: each of its cells is played by two clients,
//! a v2 one (ana) and a v1 one (bob), while a real Redis is in trouble.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::proxy::Proxy;
use crate::redis_server::RedisServer;
use crate::server::Server;

/// The longest that anything may take which does not wait for Redis.
const LATEST: Duration = Duration::from_secs(1);
/// How long every answer of a slow Redis takes.
const SLOW: Duration = Duration::from_millis(400);

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Down,
    Slow,
    ReadOnly,
    Full,
    FailingOver,
}

impl Trouble {
    const ALL: [(&str, Self); 5] = [
        ("down", Self::Down),
        ("slow", Self::Slow),
        ("read-only", Self::ReadOnly),
        ("full", Self::Full),
        ("failing over", Self::FailingOver),
    ];

    fn begin(self, redis: &mut RedisServer, proxy: &Proxy) {
        match self {
            Self::Down => redis.kill(),
            // Half of it on the way there, half on the way back.
            Self::Slow => proxy.delay(SLOW / 2),
            Self::ReadOnly => redis.run(&["REPLICAOF", "127.0.0.1", "1"]),
            Self::Full => redis.config_set("maxmemory", "1"),
            Self::FailingOver => proxy.cut(),
        }
    }

    fn end(self, redis: &mut RedisServer, proxy: &Proxy) {
        match self {
            Self::Down => redis.restart(),
            Self::Slow => proxy.restore(),
            Self::ReadOnly => redis.run(&["REPLICAOF", "NO", "ONE"]),
            Self::Full => redis.config_set("maxmemory", "0"),
            Self::FailingOver => {
                redis.restart();
                proxy.restore();
            }
        }
    }
}

/// What one row of the table is about.
#[derive(Debug, Clone, Copy)]
enum Deed {
    RoomChat,
    DirectChat,
    RecentMessages,
    DirectMessages,
    Rooms,
    RandomPeer,
    Signalling,
    Ping,
}

const DEEDS: [(&str, Deed); 8] = [
    ("`chat_message` to a room", Deed::RoomChat),
    ("`chat_message` to a user", Deed::DirectChat),
    ("`get_recent_messages`", Deed::RecentMessages),
    ("`get_direct_messages`", Deed::DirectMessages),
    ("`join_room`, `leave_room`, `get_rooms`", Deed::Rooms),
    ("availability, `request_random_peer`", Deed::RandomPeer),
    ("signalling, `hangup`", Deed::Signalling),
    ("`ping`", Deed::Ping),
];

/// What is expected of a conversation that the hub has not seen since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unseen {
    Unavailable,
    FromRedis,
    Late,
}

/// The rows of the table, the one with the names of the columns first.
fn table() -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("REDIS_INTEGRATION.md");
    let text = std::fs::read_to_string(path).expect("the document is there");
    let rest = text.split_once("<!-- degradation -->\n").expect("the table has its mark").1;
    let rows = rest.split_once("<!-- end -->").expect("the table has an end").0.lines();
    let cells =
        |row: &str| row.trim_matches('|').split('|').map(|it| it.trim().to_owned()).collect();
    rows.filter(|row| !row.starts_with("|-")).map(cells).collect()
}

struct Scene {
    redis: RedisServer,
    proxy: Proxy,
    server: Server,
    ana: Client,
    bob: Client,
    /// Ids sent to the room and between the two, in order.
    sent: [Vec<String>; 2],
    /// Ids that were acked as journalled, and as `redis` after that.
    journalled: BTreeSet<String>,
    confirmed: BTreeSet<String>,
    state: String,
}

impl Scene {
    /// A hub that has seen `tea` and what ana and bob wrote, but nothing of what zoe wrote before.
    fn set() -> Self {
        let redis = RedisServer::start_persistent();
        let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], redis.port())));
        let server = Server::start(&[("VALKEY_URL", &format!("redis://{}/", proxy.address()))]);
        let mut zoe = server.connect("userId=zoe&room=old&v=2");
        for to in [json!({"room": "old"}), json!({"toUser": "ana"}), json!({"toUser": "bob"})] {
            let mut frame = message("before");
            frame.as_object_mut().unwrap().extend(to.as_object().unwrap().clone());
            zoe.send(&frame);
            assert_eq!(zoe.wait_for("ack")["payload"]["stored"], "redis");
        }
        drop(zoe);
        let server = server.kill_and_restart();
        let mut ana = server.connect("userId=ana&room=tea&v=2");
        let mut bob = server.connect("userId=bob&room=tea");
        let state = ana.expect("welcome")["payload"]["serviceState"]["store"].clone();
        bob.expect_silence();
        let state = state.as_str().unwrap().to_owned();
        let (sent, journalled, confirmed) = Default::default();
        Self { redis, proxy, server, ana, bob, sent, journalled, confirmed, state }
    }

    /// The next frame of this type to ana; what she is told of the store is noted and passes.
    #[track_caller]
    fn ana_hears(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.ana.next();
            if frame["type"] == "service_state" {
                self.state = frame["payload"]["store"].as_str().unwrap().to_owned();
                continue;
            }
            if frame["type"] == "ack" && self.note_second_ack(&frame) {
                continue;
            }
            assert_eq!(frame["type"], kind, "{frame}");
            return frame;
        }
    }

    fn note_second_ack(&mut self, ack: &Value) -> bool {
        let id = ack["messageId"].as_str().unwrap();
        let second = self.journalled.contains(id);
        if second {
            assert_eq!(ack["payload"]["stored"], "redis", "{ack}");
            assert!(self.confirmed.insert(id.to_owned()), "{id} was confirmed twice");
        }
        second
    }

    /// Ana writes to the room, or to bob, who has it in time; returns what holds it.
    fn chat(&mut self, direct: bool) -> String {
        let id =
            format!("{}{}", if direct { "d" } else { "r" }, self.sent[usize::from(direct)].len());
        let mut frame = message(&id);
        if direct {
            frame["toUser"] = json!("bob")
        } else {
            frame["room"] = json!("tea")
        }
        let begun = Instant::now();
        self.ana.send(&frame);
        assert_eq!(self.bob.expect("chat_message")["messageId"], id.as_str());
        assert!(begun.elapsed() < LATEST, "{id} took {:?}", begun.elapsed());
        assert_eq!(self.ana_hears("chat_message")["messageId"], id.as_str());
        let ack = self.ana_hears("ack");
        assert_eq!(ack["messageId"], id.as_str());
        let stored = ack["payload"]["stored"].as_str().unwrap().to_owned();
        if stored == "journal" {
            self.journalled.insert(id.clone());
        }
        self.sent[usize::from(direct)].push(id);
        stored
    }

    /// Both read what the hub has seen, then what it has not.
    fn read(&mut self, direct: bool, unseen: Unseen) {
        let ask = |seen: bool, peer: &str| match (direct, seen) {
            (false, true) => json!({"type": "get_recent_messages", "room": "tea"}),
            (false, false) => json!({"type": "get_recent_messages", "room": "old"}),
            (true, true) => json!({"type": "get_direct_messages", "payload": {"withUser": peer}}),
            (true, false) => json!({"type": "get_direct_messages", "payload": {"withUser": "zoe"}}),
        };
        let reply = if direct { "direct_messages" } else { "recent_messages" };
        let mut seen = self.sent[usize::from(direct)].clone();
        if !direct {
            seen.reverse();
        }

        let begun = Instant::now();
        self.ana.send(&ask(true, "bob"));
        let page = self.ana_hears(reply);
        assert_eq!((ids(&page), &page["payload"]["degraded"]), (seen.clone(), &json!(true)));
        self.bob.send(&ask(true, "ana"));
        let page = self.bob.expect(reply);
        assert_eq!((ids(&page), page["payload"].get("degraded")), (seen, None));
        assert!(begun.elapsed() < LATEST, "reading took {:?}", begun.elapsed());

        let begun = Instant::now();
        self.ana.send(&ask(false, "zoe"));
        let wanted = if unseen == Unseen::Unavailable { "error" } else { reply };
        let page = self.ana_hears(wanted);
        let took = begun.elapsed();
        assert!(unseen == Unseen::Late || took < LATEST, "{took:?}");
        self.bob.send(&ask(false, "zoe"));
        let of_v1 = self.bob.expect(reply);
        assert_eq!(of_v1["payload"].get("degraded"), None);
        if unseen == Unseen::Unavailable {
            assert_eq!(page["payload"]["code"], "store_unavailable");
            assert_eq!(page["payload"]["retryable"], true);
            assert_eq!(ids(&of_v1), [""; 0]);
        } else {
            assert_eq!((ids(&page), &page["payload"]["degraded"]), (before(), &json!(true)));
            assert_eq!(ids(&of_v1), before());
            assert!(unseen != Unseen::Late || took >= SLOW, "{took:?}");
        }
    }

    /// Does what waits for nothing, and returns all that the two were sent, without its time.
    fn usual(&mut self, deed: Deed) -> Vec<Value> {
        let begun = Instant::now();
        let mut frames = match deed {
            Deed::Rooms => self.rooms(),
            Deed::RandomPeer => self.random_peer(),
            Deed::Signalling => self.signalling(),
            Deed::Ping => {
                self.ana.send(&json!({"type": "ping", "ref": "p"}));
                vec![self.ana_hears("pong")]
            }
            other => panic!("{other:?} is not as always"),
        };
        assert!(begun.elapsed() < LATEST, "{deed:?} took {:?}", begun.elapsed());
        for frame in &mut frames {
            frame.as_object_mut().unwrap().remove("createTime");
        }
        frames
    }

    fn rooms(&mut self) -> Vec<Value> {
        let mut frames = Vec::new();
        for (ask, reply) in [
            (json!({"type": "join_room", "room": "coffee"}), "room_joined"),
            (json!({"type": "get_rooms"}), "rooms_list"),
            (json!({"type": "leave_room", "room": "coffee"}), "room_left"),
        ] {
            self.ana.send(&ask);
            frames.push(self.ana_hears(reply));
            self.bob.send(&ask);
            frames.push(self.bob.expect(reply));
        }
        frames
    }

    fn random_peer(&mut self) -> Vec<Value> {
        self.ana.say(r#"{"type":"user_available_webrtc"}"#);
        let available = self.ana_hears("availability");
        self.bob.say(r#"{"type":"request_random_peer"}"#);
        let drawn = vec![available, self.bob.expect("assign_role"), self.ana_hears("assign_role")];
        self.bob.say(r#"{"type":"request_random_peer"}"#);
        [drawn, vec![self.bob.expect("no_peer_available")]].concat()
    }

    fn signalling(&mut self) -> Vec<Value> {
        let mut frames = Vec::new();
        for kind in ["webrtc_offer", "webrtc_answer", "webrtc_candidate", "hangup"] {
            self.ana.send(&json!({"type": kind, "toUser": "bob", "payload": {"sdp": "v=0"}}));
            frames.push(self.bob.expect(kind));
            self.bob.send(&json!({"type": kind, "toUser": "ana", "payload": {"sdp": "v=0"}}));
            frames.push(self.ana_hears(kind));
        }
        self.ana.send(&json!({"type": "webrtc_offer", "toUser": "nobody", "payload": {}}));
        frames.push(self.ana_hears("error"));
        frames
    }

    /// Waits until all that was journalled is acked as `redis`, and the store is well if asked.
    fn settle(&mut self, well: bool) {
        while self.confirmed != self.journalled || (well && self.state != "ok") {
            let frame = self.ana.next();
            match frame["type"].as_str().unwrap() {
                "service_state" => {
                    self.state = frame["payload"]["store"].as_str().unwrap().to_owned();
                }
                "ack" => assert!(self.note_second_ack(&frame), "{frame}"),
                other => panic!("{other}: {frame}"),
            }
        }
    }

    /// Plays one cell.
    fn play(&mut self, deed: Deed, cell: &str, usual: &[Value]) {
        match (deed, cell) {
            (Deed::RoomChat | Deed::DirectChat, "journal") => {
                for _ in 0..3 {
                    assert_eq!(self.chat(matches!(deed, Deed::DirectChat)), "journal");
                }
                assert_eq!(self.state, "degraded");
            }
            (Deed::RecentMessages | Deed::DirectMessages, cell) => {
                let unseen = match cell {
                    "window, or unavailable" => Unseen::Unavailable,
                    "window, or Redis" => Unseen::FromRedis,
                    "window, or late" => Unseen::Late,
                    other => panic!("{other:?} is not in the vocabulary"),
                };
                self.read(matches!(deed, Deed::DirectMessages), unseen);
            }
            (deed, "as always") => assert_eq!(self.usual(deed), usual, "{deed:?}"),
            (deed, cell) => panic!("{cell:?} is not in the vocabulary of {deed:?}"),
        }
    }
}

fn message(id: &str) -> Value {
    json!({"type": "chat_message", "messageId": id, "payload": {"content": id}})
}

fn before() -> Vec<String> {
    vec!["before".to_owned()]
}

fn ids(page: &Value) -> Vec<String> {
    let messages = page["payload"]["messages"].as_array().expect("a page");
    messages.iter().map(|it| it["messageId"].as_str().unwrap().to_owned()).collect()
}

fn deed(row: &str) -> Deed {
    let found = DEEDS.iter().find(|(name, _)| *name == row);
    found.unwrap_or_else(|| panic!("{row:?} is no row that can be played")).1
}

/// Whether a deed is to be compared with what it gives while all is well.
fn is_usual(deed: Deed) -> bool {
    matches!(deed, Deed::Rooms | Deed::RandomPeer | Deed::Signalling | Deed::Ping)
}

fn play_column(trouble: Trouble) {
    let table = table();
    let name = Trouble::ALL.iter().find(|it| it.1 == trouble).expect("it is one of them").0;
    let column = table[0].iter().position(|title| title == name).expect("a column of that name");
    let rows = &table[1..];
    let mut scene = Scene::set();
    assert_eq!([scene.chat(false), scene.chat(true)], ["redis", "redis"]);
    let mut usual = |row: &[String]| {
        if is_usual(deed(&row[0])) { scene.usual(deed(&row[0])) } else { Vec::new() }
    };
    let usual: Vec<Vec<Value>> = rows.iter().map(|row| usual(row)).collect();

    trouble.begin(&mut scene.redis, &scene.proxy);
    for (row, usual) in rows.iter().zip(&usual) {
        scene.play(deed(&row[0]), &row[column], usual);
    }
    assert!(scene.server.get("/ready").1.contains("store: degraded"));
    if trouble == Trouble::Slow {
        // It gets what it has not: slowly, but while it is slow.
        scene.settle(false);
        assert_eq!(scene.state, "degraded");
    }
    trouble.end(&mut scene.redis, &scene.proxy);
    scene.settle(true);

    let of_room: Vec<String> = scene.redis.run(&["ZRANGE", "room:messages:tea", "0", "-1"]);
    let of_pair: Vec<String> = scene.redis.run(&["LRANGE", "dm:ana:bob", "0", "-1"]);
    for (stored, sent) in [of_room, of_pair].into_iter().zip(&scene.sent) {
        let stored = stored.iter().map(|it| serde_json::from_str::<Value>(it).unwrap());
        let stored: Vec<Value> = stored.map(|it| it["messageId"].clone()).collect();
        assert_eq!(stored, *sent, "each once and in order");
    }
    let warnings = scene.server.log().iter().filter(|line| line.contains("Redis is away")).count();
    assert_eq!(warnings, 1, "{:#?}", scene.server.log());
}

#[test]
fn the_table_has_every_row_and_column_that_is_played() {
    let table = table();
    let columns: Vec<&str> = Trouble::ALL.iter().map(|it| it.0).collect();
    assert_eq!(table[0][1..], columns);
    let rows: Vec<&str> = table[1..].iter().map(|row| row[0].as_str()).collect();
    assert_eq!(rows, DEEDS.map(|it| it.0));
    assert!(table.iter().all(|row| row.len() == columns.len() + 1));
}

#[test]
fn each_cell_is_true_while_redis_is_down() {
    play_column(Trouble::Down);
}

#[test]
fn each_cell_is_true_while_redis_is_slow() {
    play_column(Trouble::Slow);
}

#[test]
fn each_cell_is_true_while_redis_is_read_only() {
    play_column(Trouble::ReadOnly);
}

#[test]
fn each_cell_is_true_while_redis_is_full() {
    play_column(Trouble::Full);
}

#[test]
fn each_cell_is_true_while_redis_fails_over() {
    play_column(Trouble::FailingOver);
}
