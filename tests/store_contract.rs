//! What a store promises, held against both homes: the memory of the process and Redis.

#[path = "common/redis.rs"]
mod server;
#[path = "common/store.rs"]
mod store;

use std::time::{Duration, SystemTime};

use aleatoria::actors::redis_store::RedisSettings;
use aleatoria::hub::{Append, Conversation, History};
use aleatoria::protocol::{Draft, MessageId, Page, Position};
use aleatoria::store::{Command, MemoryStore, Retention};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use server::RedisServer;
use store::*;

const HOUR: u64 = 3_600_000_000;

trait Home {
    fn start(retention: Retention) -> Self;

    async fn append(&mut self, append: &Append, at: Option<Position>)
    -> (Position, Position, bool);

    async fn read(&mut self, conversation: &Conversation, page: Page) -> History;

    async fn purge(&mut self, conversation: &Conversation);
}

struct Memory(MemoryStore);

impl Home for Memory {
    fn start(retention: Retention) -> Self {
        Self(MemoryStore::new(retention, usize::MAX))
    }

    async fn append(
        &mut self,
        append: &Append,
        at: Option<Position>,
    ) -> (Position, Position, bool) {
        remember(&mut self.0, now(), append, at)
    }

    async fn read(&mut self, conversation: &Conversation, page: Page) -> History {
        self.0.read(now(), conversation, &page)
    }

    async fn purge(&mut self, _: &Conversation) {
        self.0.purge(now());
    }
}

fn remember(
    memory: &mut MemoryStore,
    now: Position,
    append: &Append,
    at: Option<Position>,
) -> (Position, Position, bool) {
    let appended = match at {
        None => memory.append(now, append),
        Some(at) => memory.append_at(now, append, at),
    };
    (appended.position, appended.previous, appended.is_duplicate())
}

struct Redis {
    client: Client,
    _server: RedisServer,
}

impl Home for Redis {
    fn start(retention: Retention) -> Self {
        let server = RedisServer::start();
        let settings =
            RedisSettings { retention, ..RedisSettings::new(server.connection_info(), "n") };
        Self { client: Client::start(settings), _server: server }
    }

    async fn append(
        &mut self,
        append: &Append,
        at: Option<Position>,
    ) -> (Position, Position, bool) {
        self.client.append(append.clone(), at).await.unwrap()
    }

    async fn read(&mut self, conversation: &Conversation, page: Page) -> History {
        self.client.read(conversation.clone(), page).await.unwrap()
    }

    async fn purge(&mut self, conversation: &Conversation) {
        self.client.send(vec![Command::Purge(conversation.clone())]);
        self.client.settle().await;
    }
}

macro_rules! promises {
    ($($name:ident,)*) => {
        mod memory { $(#[actix::test] async fn $name() { super::$name::<super::Memory>().await })* }
        mod redis { $(#[actix::test] async fn $name() { super::$name::<super::Redis>().await })* }
    };
}

promises! {
    positions_grow_and_each_names_the_one_before,
    a_message_is_kept_as_it_is_delivered,
    the_same_id_again_is_the_same_message,
    the_same_id_elsewhere_is_another_message,
    pages_go_back_to_the_beginning,
    a_conversation_keeps_its_number_of_messages_and_not_one_more,
    what_is_older_than_the_age_is_not_read,
    a_purge_removes_what_the_bounds_do_not_allow,
    a_replay_keeps_its_time_and_place,
    a_replay_goes_behind_what_came_later,
    a_replay_of_what_is_there_moves_it_as_far_as_the_order_allows,
    what_was_stored_late_goes_back_to_where_it_was_seen,
    what_was_stored_late_stays_behind_what_others_stored_before_it,
    the_message_of_another_author_is_left_alone,
    positions_grow_beyond_one_from_the_future,
    a_pair_is_one_conversation_whoever_is_named_first,
    ids_may_look_like_anything,
    payloads_may_be_large_and_in_any_script,
}

#[expect(clippy::cast_possible_truncation, reason = "microseconds of this century fit")]
fn now() -> Position {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Position(since.expect("after 1970").as_micros() as u64)
}

fn ago(micros: u64) -> Position {
    Position(now().0 - micros)
}

fn keeping(count: usize) -> Retention {
    Retention { age: Duration::from_micros(HOUR), count }
}

fn conversations() -> [Conversation; 2] {
    [in_room("lobby"), between("ana", "bob")]
}

fn everything() -> Page {
    page(200, None)
}

fn id_of(json: &[u8]) -> String {
    let json: serde_json::Value = serde_json::from_slice(json).expect("JSON");
    json["messageId"].as_str().expect("an id").to_owned()
}

fn ids(history: &History) -> Vec<String> {
    history.messages.iter().map(|stored| id_of(&stored.json)).collect()
}

fn text(history: &History, at: usize) -> &str {
    std::str::from_utf8(&history.messages[at].json).expect("UTF-8")
}

/// Appends one message for each id and gives their positions.
async fn fill<H: Home>(home: &mut H, conversation: &Conversation, ids: &[&str]) -> Vec<Position> {
    let mut positions = Vec::new();
    for id in ids {
        positions.push(home.append(&message(conversation, id, id), None).await.0);
    }
    positions
}

async fn positions_grow_and_each_names_the_one_before<H: Home>() {
    let mut home = H::start(keeping(100));
    for conversation in conversations() {
        let mut last = Position(0);
        for number in 0..20 {
            let append = message(&conversation, &format!("m{number}"), "x");
            let (position, previous, duplicate) = home.append(&append, None).await;
            assert!(position > last, "{position:?} after {last:?}");
            assert_eq!((previous, duplicate), (last, false));
            last = position;
        }
    }
}

async fn a_message_is_kept_as_it_is_delivered<H: Home>() {
    let mut home = H::start(keeping(100));
    for conversation in conversations() {
        let append = message(&conversation, "m1", "hello");
        let (position, ..) = home.append(&append, None).await;
        let history = home.read(&conversation, everything()).await;
        assert_eq!(history.messages.len(), 1);
        assert_eq!(history.messages[0].position, position);
        assert_eq!(text(&history, 0), append.draft.at(position).json());
        assert!(!history.more && !history.degraded);
    }
}

async fn the_same_id_again_is_the_same_message<H: Home>() {
    let mut home = H::start(keeping(100));
    for conversation in conversations() {
        let [first, second] = fill(&mut home, &conversation, &["m1", "m2"]).await[..] else {
            unreachable!("two were asked for")
        };
        let other_text = message(&conversation, "m2", "another text");
        assert_eq!(home.append(&other_text, None).await, (second, first, true));
        let again = home.append(&message(&conversation, "m1", "x"), None).await;
        assert_eq!(again, (first, Position(0), true));
        let history = home.read(&conversation, everything()).await;
        assert_eq!(ids(&history), ["m1", "m2"]);
        assert!(text(&history, 1).contains(r#""content":"m2""#));
        let (_, previous, _) = home.append(&message(&conversation, "m3", "x"), None).await;
        assert_eq!(previous, second);
    }
}

async fn the_same_id_elsewhere_is_another_message<H: Home>() {
    let mut home = H::start(keeping(100));
    for conversation in [in_room("a"), in_room("b"), between("a", "b"), between("a", "c")] {
        let (_, previous, duplicate) = home.append(&message(&conversation, "m", "x"), None).await;
        assert_eq!((previous, duplicate), (Position(0), false));
    }
}

async fn pages_go_back_to_the_beginning<H: Home>() {
    let mut home = H::start(keeping(100));
    for conversation in conversations() {
        let empty = home.read(&conversation, everything()).await;
        assert_eq!(empty, History::default());
        let at = fill(&mut home, &conversation, &["1", "2", "3", "4", "5"]).await;
        let after_all = Some(Position(at[4].0 + 1));
        for (limit, before, expected, more) in [
            (2, None, vec!["4", "5"], true),
            (2, Some(at[3]), vec!["2", "3"], true),
            (2, Some(at[1]), vec!["1"], false),
            (2, Some(at[2]), vec!["1", "2"], false),
            (1, Some(at[2]), vec!["2"], true),
            (4, None, vec!["2", "3", "4", "5"], true),
            (5, None, vec!["1", "2", "3", "4", "5"], false),
            (6, None, vec!["1", "2", "3", "4", "5"], false),
            (1, Some(at[4]), vec!["4"], true),
            (1, after_all, vec!["5"], true),
            (5, Some(at[0]), vec![], false),
            (5, Some(Position(0)), vec![], false),
        ] {
            let history = home.read(&conversation, page(limit, before)).await;
            assert_eq!((ids(&history), history.more), (own(&expected), more), "{limit} {before:?}");
        }
    }
}

fn own(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

async fn a_conversation_keeps_its_number_of_messages_and_not_one_more<H: Home>() {
    let mut home = H::start(keeping(3));
    for conversation in conversations() {
        let at = fill(&mut home, &conversation, &["1", "2", "3"]).await;
        assert_eq!(ids(&home.read(&conversation, everything()).await), ["1", "2", "3"]);
        fill(&mut home, &conversation, &["4"]).await;
        let history = home.read(&conversation, everything()).await;
        assert_eq!((ids(&history), history.more), (own(&["2", "3", "4"]), false));
        // The position before the oldest is known although it is not kept.
        let again = home.append(&message(&conversation, "2", "x"), None).await;
        assert_eq!(again, (at[1], at[0], true));
        // What was removed is not remembered.
        let (_, _, duplicate) = home.append(&message(&conversation, "1", "x"), None).await;
        assert!(!duplicate);
        assert_eq!(ids(&home.read(&conversation, everything()).await), ["3", "4", "1"]);
    }
}

async fn what_is_older_than_the_age_is_not_read<H: Home>() {
    let mut home = H::start(keeping(100));
    for conversation in conversations() {
        for (id, at) in
            [("old", ago(2 * HOUR)), ("older", ago(HOUR + 1_000)), ("young", ago(HOUR / 2))]
        {
            home.append(&message(&conversation, id, "x"), Some(at)).await;
        }
        fill(&mut home, &conversation, &["new"]).await;
        let history = home.read(&conversation, everything()).await;
        assert_eq!((ids(&history), history.more), (own(&["young", "new"]), false));
        let history = home.read(&conversation, page(1, None)).await;
        assert_eq!((ids(&history), history.more), (own(&["new"]), true));
    }
}

async fn a_purge_removes_what_the_bounds_do_not_allow<H: Home>() {
    let mut home = H::start(keeping(2_000));
    for conversation in conversations() {
        // More than any single step removes.
        for number in 0..700 {
            let append = message(&conversation, &format!("old{number}"), "x");
            home.append(&append, Some(Position(ago(2 * HOUR).0 + number))).await;
        }
        fill(&mut home, &conversation, &["1", "2"]).await;
        home.purge(&conversation).await;
        assert_eq!(ids(&home.read(&conversation, everything()).await), ["1", "2"]);
        let (_, _, duplicate) = home.append(&message(&conversation, "old699", "x"), None).await;
        assert!(!duplicate, "the id of a removed message is forgotten");
        home.purge(&in_room("never seen")).await;
    }
}

async fn a_replay_keeps_its_time_and_place<H: Home>() {
    let mut home = H::start(keeping(100));
    for conversation in conversations() {
        let (first, second) = (ago(2_000_000), ago(1_000_000));
        let append = message(&conversation, "m1", "x");
        assert_eq!(home.append(&append, Some(first)).await, (first, Position(0), false));
        let append = message(&conversation, "m2", "x");
        assert_eq!(home.append(&append, Some(second)).await, (second, first, false));
        let history = home.read(&conversation, everything()).await;
        assert_eq!(text(&history, 1), append.draft.at(second).json());
        let (_, previous, _) = home.append(&message(&conversation, "m3", "x"), None).await;
        assert_eq!(previous, second);
    }
}

async fn a_replay_goes_behind_what_came_later<H: Home>() {
    let mut home = H::start(keeping(100));
    for conversation in conversations() {
        let last = fill(&mut home, &conversation, &["m1"]).await[0];
        let seen = ago(HOUR / 2);
        let append = message(&conversation, "m2", "x");
        let behind = Position(last.0 + 1);
        assert_eq!(home.append(&append, Some(seen)).await, (behind, last, false));
        let history = home.read(&conversation, everything()).await;
        assert_eq!(ids(&history), ["m1", "m2"]);
        assert_eq!(history.messages[1].position, behind);
        assert_eq!(text(&history, 1), append.draft.at(seen).json());
        // It pages by its place, not by its time.
        let older = home.read(&conversation, page(5, Some(behind))).await;
        assert_eq!(ids(&older), ["m1"]);
    }
}

async fn a_replay_of_what_is_there_moves_it_as_far_as_the_order_allows<H: Home>() {
    let mut home = H::start(keeping(100));
    for conversation in conversations() {
        let mut at = Vec::new();
        for (id, seconds) in [("1", 30), ("2", 20), ("3", 10)] {
            let seen = Some(ago(seconds * 1_000_000));
            at.push(home.append(&message(&conversation, id, id), seen).await.0);
        }
        let append = message(&conversation, "2", "2");
        for (seen, expected) in [
            (Position(at[0].0 + 1), Position(at[0].0 + 1)),
            (Position(at[2].0 - 1), Position(at[2].0 - 1)),
            (at[1], at[1]),
            // Behind the message before it, and not beyond the one after it.
            (at[0], Position(at[0].0 + 1)),
            (ago(HOUR / 2), Position(at[0].0 + 1)),
            (at[2], Position(at[0].0 + 1)),
            (now(), Position(at[0].0 + 1)),
        ] {
            for _ in 0..2 {
                assert_eq!(home.append(&append, Some(seen)).await, (expected, at[0], true));
                let history = home.read(&conversation, everything()).await;
                assert_eq!(ids(&history), ["1", "2", "3"]);
                assert_eq!(history.messages[1].position, expected);
                assert_eq!(text(&history, 1), append.draft.at(seen).json());
                let older = home.read(&conversation, page(5, Some(seen))).await;
                assert_eq!(ids(&older), ["1"], "{seen:?}");
            }
        }
        // The newest may go anywhere behind the one before it.
        let append = message(&conversation, "3", "3");
        for seen in [now(), Position(at[0].0 + 5)] {
            let before = Position(at[0].0 + 1);
            assert_eq!(home.append(&append, Some(seen)).await, (seen, before, true));
        }
        let (position, previous, _) = home.append(&message(&conversation, "4", "x"), None).await;
        assert_eq!(previous, Position(at[0].0 + 5));
        assert!(position > previous);
    }
}

/// Replays messages with these numbers, each with the time that its receivers saw.
async fn replay<H: Home>(
    home: &mut H,
    conversation: &Conversation,
    numbers: std::ops::Range<usize>,
    seen: &[Position],
) -> Vec<(Position, Position, bool)> {
    let mut answers = Vec::new();
    for number in numbers {
        let append = message(conversation, &format!("m{number}"), "x");
        answers.push(home.append(&append, Some(seen[number])).await);
    }
    answers
}

/// Pages back by the `createTime` of the oldest message, with every small limit.
async fn assert_pages_show_all_once<H: Home>(
    home: &mut H,
    conversation: &Conversation,
    expected: &[String],
) {
    for limit in 1..8 {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let history = home.read(conversation, page(limit, before)).await;
            found.splice(0..0, ids(&history));
            assert!(found.len() <= expected.len(), "limit {limit}: {found:?}");
            if !history.more {
                break;
            }
            let json: serde_json::Value = serde_json::from_str(text(&history, 0)).expect("JSON");
            before = Position::parse_rfc3339(json["createTime"].as_str().expect("a time"));
        }
        assert_eq!(found, expected, "limit {limit}");
    }
}

async fn what_was_stored_late_goes_back_to_where_it_was_seen<H: Home>() {
    let mut home = H::start(keeping(100));
    for conversation in conversations() {
        let first = ago(10_000_000);
        home.append(&message(&conversation, "first", "x"), Some(first)).await;
        let seen: Vec<_> =
            (0..26).map(|number| Position(first.0 + 100_000 * (number + 1))).collect();
        // Redis wakes up and stores what it was sent before it froze.
        for number in 0..12 {
            home.append(&message(&conversation, &format!("m{number}"), "x"), None).await;
        }
        for _ in 0..2 {
            let answers = replay(&mut home, &conversation, 0..26, &seen).await;
            let mut previous = first;
            for (at, &(position, before, _)) in seen.iter().zip(&answers) {
                assert_eq!((position, before), (*at, previous));
                previous = position;
            }
        }
        let history = home.read(&conversation, everything()).await;
        for (number, at) in seen.iter().enumerate() {
            let append = message(&conversation, &format!("m{number}"), "x");
            assert_eq!(history.messages[number + 1].position, *at);
            assert_eq!(text(&history, number + 1), append.draft.at(*at).json());
        }
        let mut last = seen[25];
        for id in ["a", "b", "c"] {
            let (position, before, _) = home.append(&message(&conversation, id, "x"), None).await;
            assert!(position > last && before == last);
            last = position;
        }
        let expected = ids(&home.read(&conversation, everything()).await);
        assert_eq!(expected.len(), 30);
        assert_pages_show_all_once(&mut home, &conversation, &expected).await;
    }
}

async fn what_was_stored_late_stays_behind_what_others_stored_before_it<H: Home>() {
    let mut home = H::start(keeping(20));
    for conversation in conversations() {
        let first = ago(10_000_000);
        home.append(&message(&conversation, "first", "x"), Some(first)).await;
        let seen: Vec<_> =
            (0..9).map(|number| Position(first.0 + 100_000 * (number + 1))).collect();
        fill(&mut home, &conversation, &["m0", "m1"]).await;
        let other = fill(&mut home, &conversation, &["other"]).await[0];
        fill(&mut home, &conversation, &["m2", "m3"]).await;
        for _ in 0..2 {
            let answers = replay(&mut home, &conversation, 0..9, &seen).await;
            let positions: Vec<_> = answers.iter().map(|answer| answer.0.0).collect();
            let behind = (1..8).map(|step| other.0 + step);
            let expected: Vec<_> = seen[..2].iter().map(|at| at.0).chain(behind).collect();
            assert_eq!(positions, expected);
        }
        let (_, previous, _) = home.append(&message(&conversation, "new", "x"), None).await;
        assert_eq!(previous, Position(other.0 + 7));
        let mut expected = own(&["first", "m0", "m1", "other"]);
        expected.extend((2..9).map(|number| format!("m{number}")));
        expected.push("new".to_owned());
        assert_eq!(ids(&home.read(&conversation, everything()).await), expected);
        assert_pages_show_all_once(&mut home, &conversation, &expected).await;
        // And when all those were removed whose time is another.
        for number in 0..20 {
            home.append(&message(&conversation, &format!("x{number}"), "x"), None).await;
            let expected = ids(&home.read(&conversation, everything()).await);
            assert_pages_show_all_once(&mut home, &conversation, &expected).await;
        }
    }
}

async fn the_message_of_another_author_is_left_alone<H: Home>() {
    let mut home = H::start(keeping(100));
    for (conversation, to) in [(in_room("lobby"), None), (between("ana", "mallory"), Some("ana"))] {
        let at = fill(&mut home, &conversation, &["m1", "m2"]).await;
        let before = home.read(&conversation, everything()).await;
        let (mallory, id) = (user("mallory"), MessageId::new("m1").unwrap());
        let payload = serde_json::value::RawValue::from_string("{}".to_owned()).unwrap();
        let room = to.is_none().then(|| room("lobby"));
        let draft = Draft::new(&mallory, to.map(user).as_ref(), room.as_ref(), &id, &payload);
        let append = Append { author: mallory, draft, ..message(&conversation, "m1", "x") };
        for seen in [ago(5_000_000), now()] {
            assert_eq!(home.append(&append, Some(seen)).await, (at[0], Position(0), true));
            assert_eq!(home.read(&conversation, everything()).await, before);
        }
    }
}

async fn positions_grow_beyond_one_from_the_future<H: Home>() {
    let mut home = H::start(keeping(100));
    for conversation in conversations() {
        let future = Position(now().0 + HOUR);
        home.append(&message(&conversation, "m1", "x"), Some(future)).await;
        let (position, previous, _) = home.append(&message(&conversation, "m2", "x"), None).await;
        assert_eq!((position, previous), (Position(future.0 + 1), future));
    }
}

async fn a_pair_is_one_conversation_whoever_is_named_first<H: Home>() {
    let mut home = H::start(keeping(100));
    fill(&mut home, &between("bob", "ana"), &["1"]).await;
    fill(&mut home, &between("ana", "bob"), &["2"]).await;
    fill(&mut home, &between("ana", "ana"), &["3"]).await;
    assert_eq!(ids(&home.read(&between("bob", "ana"), everything()).await), ["1", "2"]);
    assert_eq!(ids(&home.read(&between("ana", "ana"), everything()).await), ["3"]);
}

async fn ids_may_look_like_anything<H: Home>() {
    let odd = [
        "a:b",
        "a",
        "a\"b",
        "back\\slash",
        "\\",
        "\"",
        "\\\"",
        "%3A",
        "{tag}",
        "a|b",
        "[]*?",
        "é😀",
        r#"","messageId":"x"#,
        r#","payload":"#,
        "0",
        "nil",
    ];
    // Each one drives the one before out, so that the index must find it by its text.
    let mut home = H::start(keeping(1));
    for name in odd {
        for conversation in [in_room(name), between(name, "b:c"), between("b:c", name)] {
            let at = fill(&mut home, &conversation, &odd).await;
            let last = odd[odd.len() - 1];
            assert_eq!(ids(&home.read(&conversation, everything()).await), [last]);
            for id in odd {
                let (position, _, duplicate) =
                    home.append(&message(&conversation, id, "x"), None).await;
                assert!(!duplicate && position > at[at.len() - 1], "{name} {id}");
                let again = home.append(&message(&conversation, id, "x"), None).await;
                assert_eq!((again.0, again.2), (position, true), "{name} {id}");
            }
        }
    }
}

async fn payloads_may_be_large_and_in_any_script<H: Home>() {
    let mut home = H::start(keeping(100));
    let large = "x".repeat(1024 * 1024);
    for conversation in conversations() {
        for (id, content) in
            [("1", large.as_str()), ("2", "日本語 \u{0} \u{1f600} \" \\ \u{2028}"), ("3", "")]
        {
            let append = message(&conversation, id, content);
            let (position, ..) = home.append(&append, None).await;
            let history = home.read(&conversation, page(1, None)).await;
            assert_eq!(text(&history, 0), append.draft.at(position).json());
        }
        assert_eq!(ids(&home.read(&conversation, everything()).await), ["1", "2", "3"]);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append { place: usize, id: u8, at: Option<i64> },
    Read { place: usize, limit: u16, before: Option<i64> },
    Purge { place: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = || proptest::option::of(-3_000i64..3_000);
    let step = prop_oneof![
        6 => (0..3usize, 0..9u8, at()).prop_map(|(place, id, at)| Step::Append { place, id, at }),
        3 => (0..3usize, 1..7u16, at())
            .prop_map(|(place, limit, before)| Step::Read { place, limit, before }),
        1 => (0..3usize).prop_map(|place| Step::Purge { place }),
    ];
    proptest::collection::vec(step, 1..60)
}

#[test]
fn both_homes_do_the_same_whatever_is_asked() {
    let system = actix::System::new();
    let mut redis = system.block_on(async { Redis::start(keeping(4)) });
    let mut run = 0;
    let config = ProptestConfig { cases: 100, ..ProptestConfig::default() };
    // Every attempt takes other conversations on the same server.
    let run = std::cell::RefCell::new((&mut redis, &mut run));
    let result = TestRunner::new(config).run(&steps(), |steps| {
        let (redis, run) = &mut *run.borrow_mut();
        **run += 1;
        let places = [
            in_room(&format!("room {run}")),
            in_room(&format!("\"{run}\\")),
            between(&format!("ana{run}"), "bob"),
        ];
        system.block_on(compare(redis, &places, &steps));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

async fn compare(redis: &mut Redis, places: &[Conversation; 3], steps: &[Step]) {
    let mut memory = MemoryStore::new(keeping(4), usize::MAX);
    let begun = now();
    let near = |offset: i64| Position(begun.0.saturating_add_signed(offset));
    for step in steps {
        match *step {
            Step::Append { place, id, at } => {
                let append = message(&places[place], &format!("\\{id}\""), "x");
                let at = at.map(near);
                let stored = redis.append(&append, at).await;
                // The clock of the memory store stands where that of Redis stood.
                let clock = if stored.2 { now() } else { stored.0 };
                assert_eq!(remember(&mut memory, clock, &append, at), stored, "{step:?}");
            }
            Step::Read { place, limit, before } => {
                let page = page(limit, before.map(near));
                let stored = redis.read(&places[place], page).await;
                assert_eq!(memory.read(now(), &places[place], &page), stored, "{step:?}");
            }
            Step::Purge { place } => {
                redis.purge(&places[place]).await;
                memory.purge(now());
            }
        }
    }
}
