//! A hub on the memory store without sockets or clocks: sessions are names, time is a number.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use aleatoria::hub::{Audience, Effect, Fact, Hub, HubConfig, Input, Now, SessionId};
use aleatoria::protocol::{CloseCode, Limits, Position, RoomId, UserId, Version, parse};
use aleatoria::store::{MemoryStore, Retention, Tiered, Turn};
use serde_json::Value;

/// 2026-01-01T00:00:00Z.
const BEGINNING: u64 = 1_767_225_600_000_000;

pub struct World {
    pub hub: Hub,
    pub store: Tiered,
    pub now: Now,
    pub facts: Vec<Fact>,
    inboxes: HashMap<SessionId, VecDeque<String>>,
    closed: HashMap<SessionId, (CloseCode, String)>,
    sessions: u64,
}

impl World {
    pub fn new() -> Self {
        Self::with(Limits { frames_per_second: 0, ..Limits::default() })
    }

    pub fn with(limits: Limits) -> Self {
        let now = Now { wall: Position(BEGINNING), elapsed: Duration::ZERO };
        let drain = Duration::from_secs(10);
        let config = HubConfig { node: "node-1".to_owned(), limits, drain, seed: 7 };
        let memory = MemoryStore::new(Retention::default(), 64 << 20);
        Self {
            hub: Hub::new(config, now),
            store: Tiered::in_memory(memory),
            now,
            facts: Vec::new(),
            inboxes: HashMap::new(),
            closed: HashMap::new(),
            sessions: 0,
        }
    }

    /// Connects a user to the default room and lets the greeting of a v2 session pass.
    pub fn connect(&mut self, user: &str, version: Version) -> SessionId {
        self.connect_to(user, version, None)
    }

    pub fn connect_to(&mut self, user: &str, version: Version, room: Option<&str>) -> SessionId {
        self.sessions += 1;
        // Two workers, so that audiences are cut as in a real server.
        let worker = usize::try_from(self.sessions % 2).unwrap();
        let session = SessionId::new(worker, self.sessions, 0);
        self.inboxes.insert(session, VecDeque::new());
        let user = UserId::new(user).unwrap();
        let room = room.map(|room| RoomId::new(room).unwrap());
        self.handle(Input::Connected { session, user, version, room });
        session
    }

    /// Connects v1 users to one room, with nothing waiting for them.
    pub fn join_all<const N: usize>(&mut self, room: &str, users: [&str; N]) -> [SessionId; N] {
        users.map(|user| self.connect_to(user, Version::V1, Some(room)))
    }

    /// Lets a session send a frame, as its worker would hand it on.
    pub fn say(&mut self, session: SessionId, frame: &str) {
        self.handle(Input::Frame { session, frame: parse(frame) });
    }

    pub fn handle(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let (mut effects, mut turn) = (Vec::new(), Turn::default());
            self.hub.handle(self.now, input, &mut effects);
            for effect in effects {
                self.perform(effect, &mut turn);
            }
            inputs.extend(turn.inputs);
        }
    }

    fn perform(&mut self, effect: Effect, turn: &mut Turn) {
        if let Effect::Tell(fact) = &effect {
            self.facts.push(fact.clone());
        }
        match self.store.perform(self.now, effect, turn) {
            None => {}
            Some(Effect::Send { to: Audience::One(session), frame }) => {
                self.receive(session, frame.json());
            }
            Some(Effect::Send { to: Audience::Many(sessions), frame }) => {
                assert!(sessions.is_sorted(), "audiences are in ascending order");
                sessions.iter().for_each(|session| self.receive(*session, frame.json()));
            }
            Some(Effect::Close { session, code, reason }) => {
                self.closed.insert(session, (code, reason));
            }
            Some(other) => panic!("the store handed back {other:?}"),
        }
    }

    fn receive(&mut self, session: SessionId, frame: &str) {
        assert!(!self.closed.contains_key(&session), "{session} is closed and was sent {frame}");
        self.inboxes.get_mut(&session).expect("a session that connected").push_back(frame.into());
    }

    pub fn pass(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap();
        self.now.wall = Position(self.now.wall.0 + micros);
        self.now.elapsed += time;
    }

    pub fn disconnect(&mut self, session: SessionId) {
        self.handle(Input::Closed { session });
    }

    /// The next frame that the session was sent, as text.
    pub fn next_text(&mut self, session: SessionId) -> Option<String> {
        self.inboxes.get_mut(&session).and_then(VecDeque::pop_front)
    }

    /// The next frame that the session was sent, which must be of this type.
    #[track_caller]
    pub fn assert_push(&mut self, session: SessionId, kind: &str) -> Value {
        let text = self.next_text(session).unwrap_or_else(|| panic!("{session} was sent nothing"));
        let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
        assert_eq!(frame["type"], kind, "{frame}");
        frame
    }

    /// Fails when the session was sent anything more.
    #[track_caller]
    pub fn refute_push(&mut self, session: SessionId) {
        assert_eq!(self.next_text(session), None);
    }

    /// Lets everything pass that waits for anybody.
    pub fn clear(&mut self) {
        self.inboxes.values_mut().for_each(VecDeque::clear);
        self.facts.clear();
    }

    pub fn closed(&self, session: SessionId) -> Option<&(CloseCode, String)> {
        self.closed.get(&session)
    }
}
