//! The whole behaviour as a pure state machine: inputs in, effects out, time passed in.
//!
//! It owns the live sessions, rooms and the pool of peers. It refuses to know sockets, stores,
//! clocks and random sources.

mod chat;
mod history;
mod pool;
mod port;
mod rate;
mod reply;
mod rng;
mod rooms;
mod session_id;
mod sessions;
mod signaling;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

pub use port::{
    Append, Conversation, Fact, Health, History, Kept, Origin, Pair, Placed, Read, StoreError,
    Stored,
};
pub use session_id::SessionId;

use self::pool::Pool;
use self::rng::Rng;
use self::rooms::Room;
use self::sessions::Session;
use crate::protocol::{
    CloseCode, Command, Encoded, ErrorCode, Limits, Position, Rejection, Request, RoomId, UserId,
    Version,
};

/// The moment at which an input is handled, by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The time of day; it may be set back.
    pub wall: Position,
    /// Since the process began; it never turns back.
    pub elapsed: Duration,
}

/// All that can happen to the hub.
#[derive(Debug)]
pub enum Input {
    /// A connection was accepted.
    Connected { session: SessionId, user: UserId, version: Version, room: Option<RoomId> },
    /// A session sent a text frame.
    Frame { session: SessionId, frame: Result<Request, Rejection> },
    /// A session sent a binary message.
    Binary { session: SessionId },
    /// A session did not take what it was sent; its socket is being closed.
    Overflowed { session: SessionId },
    /// A connection is gone.
    Closed { session: SessionId },
    /// A message was stored, or kept elsewhere in the meantime; `message` is its text at its place,
    /// or `None` if it was there before, so that it is acknowledged again but not delivered again.
    Appended { append: Append, placed: Placed, message: Option<Encoded> },
    /// A message that was acknowledged as journalled is now in Redis.
    Confirmed { append: Append, position: Position },
    /// A page was read.
    Loaded { read: Read, result: Result<History, StoreError> },
    /// The store went away or came back.
    StoreHealth(Health),
    /// The store lost what it was told of sessions: tell all facts again.
    TellFacts,
    /// The server is stopping: say goodbye to everybody.
    Drain,
}

/// All that the hub can ask for. Effects are performed in the order in which they were given.
#[derive(Debug)]
pub enum Effect {
    /// Put a frame into the queue of each session of the audience.
    Send { to: Audience, frame: Encoded },
    /// Close a connection after what is queued for it. The hub has forgotten the session.
    Close { session: SessionId, code: CloseCode, reason: String },
    /// Store a message.
    Append(Append),
    /// Read a page of history.
    Read(Read),
    /// Tell the shared keys.
    Tell(Fact),
}

/// Who gets a frame.
#[derive(Debug, Clone)]
pub enum Audience {
    /// One session.
    One(SessionId),
    /// Several, in ascending order.
    Many(Arc<[SessionId]>),
}

/// What a hub is told when it begins.
#[derive(Debug, Clone)]
pub struct HubConfig {
    /// The name of this node, told in `welcome`.
    pub node: String,
    /// The bounds of a session.
    pub limits: Limits,
    /// Over which time the clients of a stopping server come back (`DRAIN_SECS`).
    pub drain: Duration,
    /// Where draws and message ids begin; it should differ with every start.
    pub seed: u64,
}

/// What the hub counted since it began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames dropped because their session was over its rate.
    pub rate_limited: u64,
    /// Errors sent, in the order of [`ErrorCode::ALL`].
    pub errors: [u64; ErrorCode::ALL.len()],
}

/// The live sessions, their rooms, and the pool of users who may be drawn for a call.
pub struct Hub {
    config: HubConfig,
    sessions: FxHashMap<SessionId, Session>,
    // Names that clients choose are hashed with a secret, lest they choose them to collide.
    users: HashMap<UserId, Vec<SessionId>>,
    rooms: HashMap<RoomId, Room>,
    pool: Pool,
    rng: Rng,
    store: Health,
    store_since: Position,
    draining: bool,
    counters: Counters,
}

impl Hub {
    /// A hub without sessions.
    #[must_use]
    pub fn new(config: HubConfig, now: Now) -> Self {
        let rng = Rng::new(config.seed);
        Self {
            config,
            sessions: FxHashMap::default(),
            users: HashMap::new(),
            rooms: HashMap::new(),
            pool: Pool::default(),
            rng,
            store: Health::Ok,
            store_since: now.wall,
            draining: false,
            counters: Counters::default(),
        }
    }

    /// Takes one input and puts what is to be done about it at the end of `out`.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Connected { session, user, version, room } => {
                self.connect(now, session, user, version, room, out);
            }
            Input::Frame { session, frame } => self.frame(now, session, frame, out),
            Input::Binary { session } => self.binary(now, session, out),
            Input::Overflowed { session } | Input::Closed { session } => self.forget(session, out),
            Input::Appended { append, placed, message } => {
                self.appended(now, &append, placed, message, out);
            }
            Input::Confirmed { append, position } => self.confirmed(now, &append, position, out),
            Input::Loaded { read, result } => self.loaded(now, &read, result, out),
            Input::StoreHealth(health) => self.store_health(now, health, out),
            Input::TellFacts => self.tell_facts(out),
            Input::Drain => self.drain(out),
        }
    }

    /// Live sessions.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Rooms with members.
    #[must_use]
    pub fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// Users who may be drawn for a call.
    #[must_use]
    pub fn available_count(&self) -> usize {
        self.pool.len()
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn frame(
        &mut self,
        now: Now,
        session: SessionId,
        frame: Result<Request, Rejection>,
        out: &mut Vec<Effect>,
    ) {
        if !self.admit(now, session, out) {
            return;
        }
        match frame {
            Ok(request) => self.request(now, session, request, out),
            Err(rejection) => self.reject(now, session, rejection, out),
        }
    }

    fn request(&mut self, now: Now, session: SessionId, request: Request, out: &mut Vec<Effect>) {
        let Request { reference, message_id, command } = request;
        let asked = reply::Asked { now, session, reference, message_id };
        match command {
            Command::Chat { to, payload } => self.chat(asked, to, &payload, out),
            Command::JoinRoom { room } => self.join_room(&asked, &room, out),
            Command::LeaveRoom { room } => self.leave_room(&asked, &room, out),
            Command::GetRooms => self.list_rooms(&asked, out),
            Command::RecentMessages { room, page } => self.recent_messages(asked, room, page, out),
            Command::DirectMessages { with, page } => self.direct_messages(asked, with, page, out),
            Command::Available => self.set_available(&asked, true, out),
            Command::Unavailable => self.set_available(&asked, false, out),
            Command::RandomPeer { except } => self.random_peer(&asked, except.as_ref(), out),
            Command::Signal { signal, to, room, payload } => {
                self.signal(&asked, signal, &to, room.as_ref(), payload.as_deref(), out);
            }
            Command::Ping => self.pong(&asked, out),
        }
    }
}
