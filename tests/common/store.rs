//! A Redis store in a test: commands in, answers awaited.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::time::Duration;

use aleatoria::actors::redis_store::{
    Answers, Commands, RedisSettings, RedisStore, Running, Settled,
};
use aleatoria::hub::{Append, Conversation, Fact, History, Origin, Pair, Read, SessionId};
use aleatoria::protocol::{Draft, MessageId, Page, Position, RoomId, UserId};
use aleatoria::store::{Answer, Command, Fault, Probe, Ticket};
use serde_json::value::RawValue;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Longer than any timeout of the store.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Client {
    running: Running,
    answers: UnboundedReceiver<Answers>,
    tickets: u64,
}

impl Client {
    pub fn start(settings: RedisSettings) -> Self {
        let (sender, answers) = unbounded_channel();
        // The test may have ended.
        let listener = Box::new(move |answers| drop(sender.send(answers)));
        let running = RedisStore::start(settings, listener).expect("a usable address");
        Self { running, answers, tickets: 0 }
    }

    pub fn counter(&self, name: &str) -> u64 {
        let all = self.running.counters.all();
        all.into_iter().find(|(it, _)| *it == name).expect("a counter of this name").1
    }

    pub fn send(&self, commands: Vec<Command>) {
        self.running.store.do_send(Commands(commands));
    }

    /// The next answers, together as they came.
    pub async fn answers(&mut self) -> Vec<Answer> {
        let answers = tokio::time::timeout(PATIENCE, self.answers.recv()).await;
        answers.expect("an answer in time").expect("the store lives").answers
    }

    /// The next `count` answers.
    pub async fn collect(&mut self, count: usize) -> Vec<Answer> {
        let mut collected = Vec::new();
        while collected.len() < count {
            collected.extend(self.answers().await);
        }
        assert_eq!(collected.len(), count, "{collected:?}");
        collected
    }

    pub async fn ask(&mut self, command: Command) -> Answer {
        self.send(vec![command]);
        self.collect(1).await.remove(0)
    }

    pub fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    pub fn append_command(&mut self, append: Append, at: Option<Position>) -> Command {
        Command::Append { ticket: self.ticket(), append, at }
    }

    pub async fn append(
        &mut self,
        append: Append,
        at: Option<Position>,
    ) -> Result<(Position, Position, bool), Fault> {
        let ticket = self.ticket();
        match self.ask(Command::Append { ticket, append, at }).await {
            Answer::Appended { ticket: answered, result } if answered == ticket => result,
            other => panic!("{other:?}"),
        }
    }

    pub async fn read(&mut self, conversation: Conversation, page: Page) -> Result<History, Fault> {
        let ticket = self.ticket();
        match self.ask(read_command(ticket, conversation, page)).await {
            Answer::Loaded { ticket: answered, result } if answered == ticket => result,
            other => panic!("{other:?}"),
        }
    }

    pub async fn probe(&mut self, resume: bool) -> Result<Probe, Fault> {
        match self.ask(Command::Probe { resume }).await {
            Answer::Probed(result) => result,
            other => panic!("{other:?}"),
        }
    }

    /// Tells facts and waits until they are carried out.
    pub async fn tell(&mut self, facts: impl IntoIterator<Item = Fact>) {
        self.send(facts.into_iter().map(Command::Tell).collect());
        self.settle().await;
    }

    pub async fn settle(&mut self) {
        self.running.store.send(Settled).await.expect("the store lives");
    }
}

pub fn read_command(ticket: Ticket, conversation: Conversation, page: Page) -> Command {
    let origin = Origin { session: SessionId::new(0, 0, 0), reference: None };
    Command::Read { ticket, read: Read { origin, conversation, page } }
}

pub fn user(id: &str) -> UserId {
    UserId::new(id).expect("a valid id")
}

pub fn room(id: &str) -> RoomId {
    RoomId::new(id).expect("a valid id")
}

pub fn in_room(id: &str) -> Conversation {
    Conversation::Room(room(id))
}

pub fn between(one: &str, other: &str) -> Conversation {
    Conversation::Direct(Pair::new(user(one), user(other)))
}

pub fn page(limit: u16, before: Option<Position>) -> Page {
    Page { limit, before }
}

/// A message with this text as its `content`.
pub fn message(conversation: &Conversation, id: &str, content: &str) -> Append {
    let message_id = MessageId::new(id).expect("a valid id");
    let payload = serde_json::json!({ "content": content }).to_string();
    let payload = RawValue::from_string(payload).expect("JSON");
    let (author, to_user, in_room) = match conversation {
        Conversation::Room(room) => (user("ana"), None, Some(room)),
        Conversation::Direct(pair) => (pair.low().clone(), Some(pair.high()), None),
    };
    let draft = Draft::new(&author, to_user, in_room, &message_id, &payload);
    Append { origin: None, conversation: conversation.clone(), author, message_id, draft }
}

pub fn session(serial: u64) -> SessionId {
    SessionId::new(0, serial, 0)
}

pub fn joined(serial: u64, name: &str, place: &str) -> Fact {
    Fact::Joined { session: session(serial), user: user(name), room: room(place) }
}

pub fn left(serial: u64, name: &str, place: &str, last: bool) -> Fact {
    Fact::Left { session: session(serial), user: user(name), room: room(place), last }
}
