//! Nothing is lost when Redis goes: the store between the hub, a model Redis, memory and journal.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use aleatoria::hub::{
    Append, Conversation, Effect, Fact, Health, History, Input, Kept, Now, Origin, Read, SessionId,
    StoreError,
};
use aleatoria::protocol::{Draft, MessageId, Page, Position, RoomId, UserId};
use aleatoria::store::{
    Answer, Command, DELIVERY_DEADLINE, Fault, Found, Journal, MemoryStore, Notice, Retention,
    Tiered, Turn,
};
use serde_json::value::RawValue;

use crate::model_redis::{Mode, ModelRedis, refusal};

const TICK: Duration = Duration::from_millis(25);

struct Rig {
    store: Tiered,
    redis: ModelRedis,
    now: Now,
    inputs: Vec<Input>,
    notices: Vec<Notice>,
    /// Answers on their way to the store.
    answers: VecDeque<Answer>,
}

impl Rig {
    fn new() -> Self {
        Self::with(Journal::in_memory(1 << 20))
    }

    /// A store on a Redis that is well, with the first probe behind it.
    fn with(journal: Journal) -> Self {
        let memory = MemoryStore::new(Retention::default(), 16 << 20);
        let mut rig = Self {
            store: Tiered::on_redis(memory, journal, Found::Well),
            redis: ModelRedis::new(),
            now: Now { wall: Position(1_767_225_600_000_000), elapsed: Duration::ZERO },
            inputs: Vec::new(),
            notices: Vec::new(),
            answers: VecDeque::new(),
        };
        rig.run(TICK);
        rig
    }

    fn append(&mut self, room: &str, id: &str) {
        self.perform(Effect::Append(message(room, id)));
    }

    fn perform(&mut self, effect: Effect) {
        let mut turn = Turn::default();
        assert!(self.store.perform(self.now, effect, &mut turn).is_none());
        self.take(turn);
        self.exchange();
    }

    fn take(&mut self, turn: Turn) {
        self.inputs.extend(turn.inputs);
        self.notices.extend(turn.notices);
        self.redis.send(self.now, turn.commands);
    }

    fn exchange(&mut self) {
        loop {
            self.answers.extend(self.redis.answers(self.now));
            if self.answers.is_empty() {
                return;
            }
            self.deliver(usize::MAX);
        }
    }

    /// Hands the store so many of the answers that are on their way.
    fn deliver(&mut self, answers_max: usize) {
        for _ in 0..answers_max {
            let Some(answer) = self.answers.pop_front() else { return };
            let mut turn = Turn::default();
            self.store.answer(self.now, answer, &mut turn);
            self.take(turn);
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now.elapsed + time;
        while self.now.elapsed < end {
            self.now.elapsed += TICK;
            self.now.wall = Position(self.now.wall.0 + u64::try_from(TICK.as_micros()).unwrap());
            self.exchange();
            let mut turn = Turn::default();
            self.store.tick(self.now, &mut turn);
            self.take(turn);
            self.exchange();
        }
    }

    /// The ids delivered so far, in order, with what was said to hold each.
    fn delivered(&self) -> Vec<(String, Kept)> {
        self.inputs
            .iter()
            .filter_map(|input| match input {
                Input::Appended { append, placed, message: Some(_) } => {
                    Some((append.message_id.to_string(), placed.kept))
                }
                _ => None,
            })
            .collect()
    }

    fn confirmed(&self) -> Vec<String> {
        self.inputs
            .iter()
            .filter_map(|input| match input {
                Input::Confirmed { append, position } => {
                    let delivered = self.delivered_at(&append.message_id);
                    assert!(delivered.is_none_or(|delivered| delivered == *position));
                    Some(append.message_id.to_string())
                }
                _ => None,
            })
            .collect()
    }

    /// Where receivers saw the message.
    fn delivered_at(&self, id: &MessageId) -> Option<Position> {
        self.inputs.iter().find_map(|input| match input {
            Input::Appended { append, placed, message: Some(_) } => {
                (append.message_id == *id).then_some(placed.position)
            }
            _ => None,
        })
    }

    fn in_redis(&self, room: &str) -> Vec<String> {
        let conversation = Conversation::Room(RoomId::new(room).unwrap());
        let kept = self.redis.data.0.get(&conversation);
        kept.map(|kept| kept.iter().map(|it| it.id.to_string()).collect()).unwrap_or_default()
    }

    fn healths(&self) -> Vec<Health> {
        let health = |input: &Input| match input {
            Input::StoreHealth(health) => Some(*health),
            _ => None,
        };
        self.inputs.iter().filter_map(health).collect()
    }
}

fn message(room: &str, id: &str) -> Append {
    let (author, room) = (UserId::new("ana").unwrap(), RoomId::new(room).unwrap());
    let message_id = MessageId::new(id).unwrap();
    let payload = RawValue::from_string(r#"{"content":"x"}"#.into()).unwrap();
    Append {
        origin: Some(Origin { session: SessionId::new(0, 1, 0), reference: None }),
        draft: Draft::new(&author, None, Some(&room), &message_id, &payload),
        conversation: Conversation::Room(room),
        author,
        message_id,
    }
}

fn read(room: &str) -> Effect {
    Effect::Read(Read {
        origin: Origin { session: SessionId::new(0, 1, 0), reference: None },
        conversation: Conversation::Room(RoomId::new(room).unwrap()),
        page: Page { limit: 50, before: None },
    })
}

fn loaded(input: &Input) -> Option<&Result<History, StoreError>> {
    match input {
        Input::Loaded { result, .. } => Some(result),
        _ => None,
    }
}

#[test]
fn while_redis_is_well_it_keeps_everything_and_the_log_is_silent() {
    let mut rig = Rig::new();
    rig.append("tea", "m1");
    rig.append("tea", "m1");
    rig.run(Duration::from_secs(60));
    assert_eq!(rig.delivered(), [("m1".to_owned(), Kept::Redis)]);
    assert_eq!(rig.in_redis("tea"), ["m1"]);
    assert!(rig.notices.iter().all(|notice| *notice == Notice::Forgotten), "{:?}", rig.notices);
    assert_eq!(rig.healths(), []);
}

#[test]
fn what_redis_does_not_answer_in_time_is_delivered_without_it() {
    let mut rig = Rig::new();
    rig.redis.mode = Mode::Frozen;
    rig.append("tea", "m1");
    rig.run(DELIVERY_DEADLINE - TICK);
    assert_eq!(rig.delivered(), []);
    rig.run(TICK);
    assert_eq!(rig.delivered(), [("m1".to_owned(), Kept::Journal)]);
    // The next one does not wait at all.
    rig.append("tea", "m2");
    assert_eq!(rig.delivered()[1], ("m2".to_owned(), Kept::Journal));
    assert_eq!(rig.healths(), [Health::Degraded]);
}

#[test]
fn after_its_return_redis_has_each_message_once_in_order_and_each_is_acknowledged_again() {
    for mode in [Mode::Frozen, Mode::Down] {
        let mut rig = Rig::new();
        rig.append("tea", "m0");
        rig.redis.mode = mode;
        for number in 1..=600 {
            rig.append("tea", &format!("m{number}"));
            rig.run(TICK);
        }
        rig.redis.mode = Mode::Well;
        rig.run(Duration::from_secs(5));
        rig.append("tea", "m601");
        let ids: Vec<String> = (0..=601).map(|number| format!("m{number}")).collect();
        assert_eq!(rig.in_redis("tea"), ids, "{mode:?}");
        assert_eq!(rig.delivered().into_iter().map(|it| it.0).collect::<Vec<_>>(), ids);
        assert_eq!(rig.confirmed(), ids[1..=600]);
        assert_eq!(rig.healths(), [Health::Degraded, Health::Ok]);
        assert!(rig.notices.len() <= 4, "{:?}", rig.notices);
    }
}

#[test]
fn a_replayed_message_keeps_the_time_that_its_receivers_saw() {
    let mut rig = Rig::new();
    rig.redis.mode = Mode::Frozen;
    rig.append("tea", "m1");
    rig.append("tea", "m2");
    rig.run(Duration::from_secs(10));
    rig.redis.mode = Mode::Well;
    rig.run(Duration::from_secs(5));
    let shown: Vec<Position> = rig
        .inputs
        .iter()
        .filter_map(|input| match input {
            Input::Appended { placed, message: Some(_), .. } => Some(placed.position),
            _ => None,
        })
        .collect();
    let kept = &rig.redis.data.0[&Conversation::Room(RoomId::new("tea").unwrap())];
    assert_eq!(kept.iter().map(|kept| kept.told).collect::<Vec<_>>(), shown);
    assert!(kept.is_sorted_by_key(|kept| kept.position));
}

#[test]
fn a_full_journal_loses_no_delivery_and_says_so() {
    let room_for = 3;
    let mut rig = Rig::with(Journal::in_memory(message("tea", "m0").weight() * room_for));
    rig.redis.mode = Mode::Down;
    for number in 0..5 {
        rig.append("tea", &format!("m{number}"));
    }
    let kept: Vec<Kept> = rig.delivered().into_iter().map(|it| it.1).collect();
    assert_eq!(kept, [Kept::Journal, Kept::Journal, Kept::Journal, Kept::Memory, Kept::Memory]);
    assert_eq!(rig.store.counts().journal_refused, 2);
    rig.redis.mode = Mode::Well;
    rig.run(Duration::from_secs(5));
    assert_eq!(rig.in_redis("tea"), ["m0", "m1", "m2"]);
    assert!(matches!(rig.notices.last(), Some(Notice::Restored { replayed: 3, refused: 2, .. })));
}

#[test]
fn a_message_sent_again_during_the_outage_is_delivered_once() {
    let mut rig = Rig::new();
    rig.redis.mode = Mode::Frozen;
    rig.append("tea", "m1");
    rig.append("tea", "m1");
    rig.run(Duration::from_secs(1));
    rig.append("tea", "m1");
    rig.redis.mode = Mode::Well;
    rig.run(Duration::from_secs(5));
    rig.append("tea", "m1");
    assert_eq!(rig.delivered().len(), 1);
    assert_eq!(rig.in_redis("tea"), ["m1"]);
    assert_eq!(rig.inputs.iter().filter(|it| matches!(it, Input::Appended { .. })).count(), 4);
}

#[test]
fn the_hot_window_serves_history_and_says_that_it_does() {
    let mut rig = Rig::new();
    rig.append("tea", "m1");
    rig.redis.mode = Mode::Down;
    rig.append("tea", "m2");
    rig.perform(read("tea"));
    let Some(Input::Loaded { result: Ok(history), .. }) = rig.inputs.last() else { panic!() };
    assert!(history.degraded);
    assert_eq!(history.messages.len(), 2);
    rig.perform(read("never seen"));
    let Some(Input::Loaded { result, .. }) = rig.inputs.last() else { panic!() };
    assert_eq!(*result, Err(StoreError::Unavailable));
}

#[test]
fn what_the_hot_window_does_not_know_is_read_from_a_redis_that_still_answers() {
    for mode in [Mode::ReadOnly, Mode::Slow] {
        let mut rig = Rig::new();
        rig.redis.mode = mode;
        rig.append("tea", "m1");
        rig.run(DELIVERY_DEADLINE);
        assert_eq!(rig.healths(), [Health::Degraded]);
        rig.perform(read("never seen"));
        rig.run(Duration::from_secs(1));
        let loaded: Vec<_> = rig.inputs.iter().filter_map(loaded).collect();
        let [Ok(history)] = &loaded[..] else { panic!("{mode:?}: {loaded:?}") };
        assert!(history.degraded, "{mode:?}");
    }
}

#[test]
fn a_read_of_a_redis_that_says_nothing_is_given_up_after_a_second() {
    let mut rig = Rig::new();
    rig.redis.mode = Mode::Frozen;
    rig.append("tea", "m1");
    rig.run(DELIVERY_DEADLINE);
    rig.perform(read("never seen"));
    rig.run(Duration::from_secs(1) - TICK);
    assert_eq!(rig.inputs.iter().filter_map(loaded).count(), 0);
    rig.run(TICK);
    let answers: Vec<_> = rig.inputs.iter().filter_map(loaded).collect();
    assert_eq!(answers, [&Err(StoreError::Unavailable)]);
}

#[test]
fn a_slow_redis_gets_every_message_and_is_away_until_it_is_quick() {
    let mut rig = Rig::new();
    rig.redis.mode = Mode::Slow;
    for number in 0..200 {
        rig.append("tea", &format!("m{number}"));
        rig.run(TICK * 4);
    }
    rig.run(Duration::from_secs(5));
    let ids: Vec<String> = (0..200).map(|number| format!("m{number}")).collect();
    assert_eq!((rig.in_redis("tea"), rig.confirmed()), (ids.clone(), ids));
    assert_eq!(rig.healths(), [Health::Degraded]);
    rig.redis.mode = Mode::Well;
    rig.run(Duration::from_secs(5));
    assert_eq!(rig.healths(), [Health::Degraded, Health::Ok]);
    rig.append("tea", "quick");
    assert_eq!(rig.delivered().last(), Some(&("quick".to_owned(), Kept::Redis)));
    let told = rig.notices.iter().filter(|it| !matches!(it, Notice::Forgotten)).count();
    assert_eq!(told, 2, "{:?}", rig.notices);
}

#[test]
fn a_read_that_waits_when_redis_goes_is_answered_from_the_hot_window() {
    let mut rig = Rig::new();
    rig.append("tea", "m1");
    rig.redis.mode = Mode::Frozen;
    rig.perform(read("tea"));
    rig.append("tea", "m2");
    rig.run(DELIVERY_DEADLINE);
    let loaded = rig.inputs.iter().filter(|it| matches!(it, Input::Loaded { .. })).count();
    assert_eq!(loaded, 1);
    rig.redis.mode = Mode::Well;
    rig.run(Duration::from_secs(5));
    let loaded = rig.inputs.iter().filter(|it| matches!(it, Input::Loaded { .. })).count();
    assert_eq!(loaded, 1, "the late answer is not a second one");
}

#[test]
fn a_message_that_redis_will_never_take_does_not_stop_the_others() {
    let mut rig = Rig::new();
    let mut turn = Turn::default();
    rig.store.perform(rig.now, Effect::Append(message("tea", "bad")), &mut turn);
    let Some(Command::Append { ticket, .. }) = turn.commands.pop() else { panic!() };
    rig.store.answer(rig.now, refusal(ticket), &mut turn);
    rig.take(turn);
    rig.append("tea", "good");
    assert_eq!(
        rig.delivered(),
        [("bad".to_owned(), Kept::Memory), ("good".to_owned(), Kept::Redis)]
    );
    assert!(matches!(rig.notices.last(), Some(Notice::MessagesRefused { count: 1, .. })));
    assert_eq!(rig.healths(), []);
}

#[test]
fn without_a_redis_the_journal_holds_the_newest_messages_and_refuses_none() {
    let bytes_max = message("tea", "m000").weight() * 10;
    let mut rig = Rig::new();
    let memory = MemoryStore::new(Retention::default(), 16 << 20);
    rig.store = Tiered::on_redis(memory, Journal::in_memory(bytes_max), Found::Unasked);
    rig.redis = ModelRedis::new();
    rig.redis.mode = Mode::Down;
    for number in 100..200 {
        rig.append("tea", &format!("m{number}"));
    }
    assert_eq!(rig.store.counts().journal_refused, 0);
    rig.redis.mode = Mode::Well;
    rig.run(Duration::from_secs(5));
    let newest: Vec<String> = (190..200).map(|number| format!("m{number}")).collect();
    assert_eq!(rig.in_redis("tea"), newest);
}

#[test]
fn what_is_on_its_way_to_the_first_redis_is_not_pushed_out_by_what_comes() {
    let bytes_max = message("tea", "m000").weight() * 10;
    let mut rig = Rig::new();
    let memory = MemoryStore::new(Retention::default(), 16 << 20);
    rig.store = Tiered::on_redis(memory, Journal::in_memory(bytes_max), Found::Unasked);
    rig.redis = ModelRedis::new();
    rig.redis.mode = Mode::Down;
    for number in 100..110 {
        rig.append("tea", &format!("m{number}"));
    }
    // The probe is answered and the whole journal sent, and no answer has come yet.
    rig.run(Duration::from_secs(3));
    rig.redis.mode = Mode::Well;
    while rig.redis.waiting_appends() == 0 {
        rig.now.elapsed += TICK;
        let mut turn = Turn::default();
        rig.store.tick(rig.now, &mut turn);
        rig.take(turn);
        let answers = rig.redis.some_answers(rig.now, 1);
        rig.answers.extend(answers);
        rig.deliver(1);
    }
    let mut turn = Turn::default();
    rig.store.perform(rig.now, Effect::Append(message("tea", "m110")), &mut turn);
    rig.take(turn);
    rig.run(Duration::from_secs(3));
    let sent: Vec<String> = (100..110).map(|number| format!("m{number}")).collect();
    assert_eq!((rig.in_redis("tea"), rig.confirmed()), (sent.clone(), sent));
    assert_eq!(rig.delivered().len(), 11, "the one that found no room was delivered all the same");
}

#[test]
fn a_journal_of_any_size_is_replayed_a_few_megabytes_at_a_time() {
    let mut rig = Rig::with(Journal::in_memory(1 << 30));
    rig.redis.mode = Mode::Down;
    let payload = format!(r#"{{"content":"{}"}}"#, "x".repeat(900_000));
    for number in 0..30 {
        let mut append = message("tea", &format!("m{number}"));
        let payload = RawValue::from_string(payload.clone()).unwrap();
        let Conversation::Room(room) = &append.conversation else { panic!() };
        append.draft = Draft::new(&append.author, None, Some(room), &append.message_id, &payload);
        rig.perform(Effect::Append(append));
    }
    rig.redis.mode = Mode::Well;
    rig.redis.most_bytes = 0;
    rig.run(Duration::from_secs(5));
    assert_eq!(rig.in_redis("tea").len(), 30);
    assert!(rig.redis.most_bytes < 5 << 20, "{} bytes at once", rig.redis.most_bytes);
}

#[test]
fn a_store_is_settled_when_nothing_would_be_lost() {
    let mut rig = Rig::new();
    assert!(rig.store.is_settled());
    rig.redis.mode = Mode::Down;
    rig.append("tea", "m1");
    assert!(!rig.store.is_settled(), "it waits in memory only");
    rig.redis.mode = Mode::Well;
    rig.run(Duration::from_secs(3));
    assert!(rig.store.is_settled());

    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::with(Journal::open(dir.path(), 1 << 20).unwrap());
    rig.redis.mode = Mode::Down;
    rig.append("tea", "m1");
    assert!(rig.store.is_settled(), "the next process finds it");
}

#[test]
fn a_stopping_hub_does_not_wait_for_the_end_of_a_trial() {
    let mut rig = Rig::new();
    for _ in 0..4 {
        rig.redis.mode = Mode::Down;
        rig.run(Duration::from_millis(1_500));
        rig.redis.mode = Mode::Well;
        rig.run(Duration::from_secs(8));
    }
    rig.redis.mode = Mode::Down;
    rig.run(Duration::from_millis(1_500));
    rig.redis.mode = Mode::Well;
    rig.run(Duration::from_millis(3_000));
    assert_eq!(rig.store.health(), Health::Degraded);
    rig.store.hurry(rig.now);
    rig.run(Duration::from_millis(200));
    assert_eq!(rig.store.health(), Health::Ok);
}

#[test]
fn a_read_that_found_no_room_says_nothing_about_redis() {
    let mut rig = Rig::new();
    rig.append("tea", "m1");
    let mut turn = Turn::default();
    rig.store.perform(rig.now, read("tea"), &mut turn);
    let Some(Command::Read { ticket, .. }) = turn.commands.pop() else { panic!() };
    let result = Err(Fault::Busy("too many reads".to_owned()));
    rig.store.answer(rig.now, Answer::Loaded { ticket, result }, &mut turn);
    rig.take(turn);
    assert!(matches!(rig.inputs.last(), Some(Input::Loaded { result: Ok(_), .. })));
    assert_eq!(rig.healths(), []);
}

#[test]
fn refusals_are_written_to_the_log_once_a_minute_with_their_number() {
    let mut rig = Rig::new();
    rig.notices.clear();
    for number in 0..1_000 {
        let mut turn = Turn::default();
        let bad = message("tea", &format!("m{number}"));
        rig.store.perform(rig.now, Effect::Append(bad), &mut turn);
        let Some(Command::Append { ticket, .. }) = turn.commands.pop() else { panic!() };
        rig.store.answer(rig.now, refusal(ticket), &mut turn);
        rig.take(turn);
        rig.run(Duration::from_millis(100));
    }
    let told: Vec<u64> = rig
        .notices
        .iter()
        .map(|notice| match notice {
            Notice::MessagesRefused { count, .. } => *count,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told.len(), 2, "100 seconds");
    assert_eq!((told[0], rig.store.counts().refused), (1, 1_000));
    assert!(told[1] > 500);
}

#[test]
fn where_no_redis_was_named_memory_is_the_store_until_one_answers() {
    let memory = MemoryStore::new(Retention::default(), 16 << 20);
    let mut rig = Rig::new();
    rig.store = Tiered::on_redis(memory, Journal::in_memory(1 << 20), Found::Unasked);
    rig.redis = ModelRedis::new();
    rig.redis.mode = Mode::Down;
    rig.inputs.clear();
    rig.notices.clear();
    rig.run(Duration::from_secs(200));
    rig.append("tea", "m1");
    rig.perform(read("never seen"));
    let Some(Input::Loaded { result: Ok(history), .. }) = rig.inputs.last() else { panic!() };
    assert!(!history.degraded);
    assert_eq!(rig.delivered(), [("m1".to_owned(), Kept::Memory)]);
    assert_eq!((rig.store.health(), rig.healths()), (Health::Ok, vec![]));
    assert_eq!(rig.notices, []);
    rig.redis.mode = Mode::Well;
    rig.run(Duration::from_secs(3));
    assert_eq!(
        (rig.in_redis("tea"), rig.confirmed()),
        (vec!["m1".to_owned()], vec!["m1".to_owned()])
    );
    rig.append("tea", "m2");
    assert_eq!(rig.delivered()[1], ("m2".to_owned(), Kept::Redis));
}

#[test]
fn a_redis_that_comes_and_goes_is_trusted_later_each_time() {
    let mut rig = Rig::new();
    rig.notices.clear();
    let end = rig.now.elapsed + Duration::from_secs(120);
    while rig.now.elapsed < end {
        // It answers probes and then leaves the next message without an answer, again and again.
        rig.redis.mode = Mode::Well;
        rig.run(Duration::from_millis(500));
        if rig.store.health() == Health::Ok {
            rig.redis.mode = Mode::Frozen;
            rig.append("tea", &format!("m{:?}", rig.now.elapsed));
            rig.run(DELIVERY_DEADLINE * 2);
        }
    }
    assert!(rig.notices.len() <= 20, "{} lines in two minutes", rig.notices.len());
    // After a quiet minute it is trusted at once again.
    rig.redis.mode = Mode::Well;
    rig.run(Duration::from_secs(120));
    rig.redis.mode = Mode::Down;
    rig.run(Duration::from_secs(2));
    rig.redis.mode = Mode::Well;
    rig.run(Duration::from_secs(3));
    assert_eq!(rig.store.health(), Health::Ok);
}

#[test]
fn the_loss_of_redis_is_noticed_without_traffic() {
    let mut rig = Rig::new();
    rig.redis.mode = Mode::Down;
    rig.run(Duration::from_millis(1_100));
    assert_eq!(rig.healths(), [Health::Degraded]);
}

#[test]
fn an_outage_is_written_to_the_log_once_and_once_a_minute() {
    let mut rig = Rig::new();
    rig.notices.clear();
    rig.redis.mode = Mode::Down;
    for number in 0..1_000 {
        rig.append("tea", &format!("m{number}"));
    }
    rig.run(Duration::from_secs(150));
    assert_eq!(rig.notices.len(), 3, "{:?}", rig.notices);
    let Notice::StillDegraded { journalled, .. } = &rig.notices[2] else { panic!() };
    assert_eq!(*journalled, 1_000);
}

#[test]
fn what_ended_while_redis_was_away_is_taken_back_and_what_holds_is_told_again() {
    let mut rig = Rig::new();
    let (session, user) = (SessionId::new(0, 1, 0), UserId::new("ana").unwrap());
    let room = RoomId::new("tea").unwrap();
    rig.redis.mode = Mode::Down;
    rig.run(Duration::from_secs(2));
    rig.inputs.clear();
    rig.perform(Effect::Tell(Fact::Left { session, user: user.clone(), room, last: true }));
    rig.perform(Effect::Tell(Fact::Available { user }));
    assert_eq!(rig.redis.told, 0);
    rig.redis.mode = Mode::Well;
    rig.run(Duration::from_secs(3));
    assert_eq!(rig.redis.told, 1, "the hub tells the rest");
    let order: Vec<bool> = rig
        .inputs
        .iter()
        .filter_map(|input| match input {
            Input::TellFacts => Some(true),
            Input::StoreHealth(Health::Ok) => Some(false),
            _ => None,
        })
        .collect();
    assert_eq!(order, [true, false], "told before it is called well");
}

#[test]
fn a_redis_that_lost_its_data_is_told_the_facts_again() {
    let mut rig = Rig::new();
    rig.inputs.clear();
    rig.redis.flush();
    rig.run(Duration::from_secs(2));
    assert!(rig.inputs.iter().any(|input| matches!(input, Input::TellFacts)));
}

#[test]
fn a_journal_on_disk_is_replayed_by_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::with(Journal::open(dir.path(), 1 << 20).unwrap());
    rig.redis.mode = Mode::Down;
    for number in 0..10 {
        rig.append("tea", &format!("m{number}"));
    }
    // As after kill -9: nothing is said to the old process.
    drop(rig);
    let rig = Rig::with(Journal::open(dir.path(), 1 << 20).unwrap());
    let ids: Vec<String> = (0..10).map(|number| format!("m{number}")).collect();
    assert_eq!(rig.in_redis("tea"), ids);
    assert!(rig.store.journal().is_empty());
}

/// Messages, outages and returns in any order: every message is delivered once and in time, Redis
/// has in the end what was delivered, in that order, once, and what was acknowledged as journalled
/// was acknowledged again.
#[test]
fn no_sequence_of_outages_loses_doubles_or_disorders_anything() {
    for seed in 0..300 {
        let mut random = numbers(seed);
        let mut rig = Rig::new();
        let mut sent: HashMap<&str, Vec<String>> = HashMap::new();
        for step in 0..400 {
            match random(20) {
                0 => rig.redis.mode = Mode::Down,
                1 => rig.redis.mode = Mode::Frozen,
                2..=4 => rig.redis.mode = Mode::Well,
                5..=6 => rig.run(TICK * random(40).try_into().unwrap()),
                // Commands and answers pass each other on their way.
                7..=9 => {
                    let answers = rig.redis.some_answers(rig.now, random(4));
                    rig.answers.extend(answers);
                }
                10..=11 => rig.deliver(random(3)),
                _ => {
                    let room = ["tea", "coffee"][random(2)];
                    let id = format!("{room}-{step}");
                    let mut turn = Turn::default();
                    rig.store.perform(rig.now, Effect::Append(message(room, &id)), &mut turn);
                    rig.take(turn);
                    sent.entry(room).or_default().push(id);
                }
            }
        }
        rig.run(DELIVERY_DEADLINE);
        let delivered = rig.delivered();
        rig.redis.mode = Mode::Well;
        // The longest trial after many relapses, and the replay.
        rig.run(Duration::from_secs(40));
        assert_eq!(rig.delivered(), delivered, "seed {seed}: delivered late");
        for (room, ids) in &sent {
            let of_room: Vec<String> =
                delivered.iter().map(|it| it.0.clone()).filter(|id| id.starts_with(room)).collect();
            assert_eq!(&of_room, ids, "seed {seed}");
            assert_eq!(&rig.in_redis(room), ids, "seed {seed}");
        }
        let journalled: Vec<String> =
            delivered.into_iter().filter(|it| it.1 == Kept::Journal).map(|it| it.0).collect();
        let confirmed = rig.confirmed();
        assert_eq!(confirmed.len(), journalled.len(), "seed {seed}");
        assert!(
            confirmed
                .into_iter()
                .collect::<HashSet<_>>()
                .is_superset(&journalled.into_iter().collect())
        );
        assert_eq!(rig.store.health(), Health::Ok, "seed {seed}");
    }
}

/// A repeatable source of numbers below a bound.
fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |bound| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % bound
    }
}

#[test]
fn what_an_earlier_process_left_is_history_and_is_not_delivered_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::with(Journal::open(dir.path(), 1 << 20).unwrap());
    rig.redis.mode = Mode::Down;
    for number in 0..10 {
        rig.append("tea", &format!("m{number}"));
    }
    let shown: Vec<Position> = rig.store.journal().iter().map(|entry| entry.position).collect();
    // As after kill -9, with Redis still away.
    drop(rig);
    let mut rig = Rig::new();
    let memory = MemoryStore::new(Retention::default(), 16 << 20);
    let journal = Journal::open(dir.path(), 1 << 20).unwrap();
    rig.store = Tiered::on_redis(memory, journal, Found::Away("refused".to_owned()));
    rig.redis.mode = Mode::Down;
    rig.inputs.clear();
    rig.perform(read("tea"));
    let Some(Input::Loaded { result: Ok(history), .. }) = rig.inputs.last() else { panic!() };
    assert!(history.degraded);
    assert!(history.messages.iter().map(|message| message.position).eq(shown.iter().copied()));
    rig.append("tea", "m3");
    let Some(Input::Appended { placed, message: None, .. }) = rig.inputs.last() else { panic!() };
    assert_eq!((placed.position, placed.kept), (shown[3], Kept::Journal));
    rig.append("tea", "m10");
    assert_eq!(rig.delivered(), [("m10".to_owned(), Kept::Journal)]);
    assert_eq!(rig.store.journal().len(), 11);
    rig.redis.mode = Mode::Well;
    rig.run(Duration::from_secs(5));
    let ids: Vec<String> = (0..=10).map(|number| format!("m{number}")).collect();
    assert_eq!((rig.in_redis("tea"), rig.confirmed()), (ids.clone(), ids));
    let with_session: Vec<String> = rig
        .inputs
        .iter()
        .filter_map(|input| match input {
            Input::Confirmed { append, .. } if append.origin.is_some() => {
                Some(append.message_id.to_string())
            }
            _ => None,
        })
        .collect();
    assert_eq!(with_session, ["m3", "m10"], "who sent it again is told that Redis has it");
}

#[test]
fn what_memory_forgot_and_the_journal_holds_is_not_delivered_twice() {
    let mut rig = Rig::new();
    let memory = MemoryStore::new(Retention { count: 2, ..Retention::default() }, 16 << 20);
    let journal = Journal::in_memory(1 << 20);
    rig.store = Tiered::on_redis(memory, journal, Found::Away("refused".to_owned()));
    rig.redis.mode = Mode::Down;
    for id in ["m0", "m1", "m2", "m3", "m0"] {
        rig.append("tea", id);
    }
    assert_eq!(rig.delivered().len(), 4);
    assert_eq!(rig.store.journal().len(), 4);
    assert_eq!(rig.store.counts().journal, 4);
}

#[test]
fn a_process_that_finds_redis_well_knows_what_waits_in_its_journal() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::with(Journal::open(dir.path(), 1 << 20).unwrap());
    rig.redis.mode = Mode::Down;
    rig.append("tea", "m0");
    drop(rig);
    let mut rig = Rig::new();
    let memory = MemoryStore::new(Retention::default(), 16 << 20);
    let journal = Journal::open(dir.path(), 1 << 20).unwrap();
    rig.store = Tiered::on_redis(memory, journal, Found::Well);
    rig.append("tea", "m0");
    rig.run(Duration::from_secs(3));
    rig.append("tea", "m0");
    assert_eq!(rig.delivered(), []);
    assert_eq!(rig.in_redis("tea"), ["m0"]);
}
