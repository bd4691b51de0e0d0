//! Opens the store that the configuration asks for.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use actix::Addr;
use tokio::sync::oneshot;

use crate::actors::hub::{self, HubActor};
use crate::actors::redis_store::{Answers, Commands, RedisSettings, RedisStore, Running};
use crate::config::{Config, Loaded, Storage};
use crate::metrics::Metrics;
use crate::store::{Answer, Command, Damage, Fault, Found, Journal, MemoryStore, Tiered};

/// The store of a hub, not yet tied to it.
pub(super) struct Opened {
    pub(super) store: Tiered,
    pub(super) redis: Option<Running>,
    /// What the start-up line says.
    pub(super) described: String,
    pub(super) mailbox: Arc<Mailbox>,
}

/// Where the answers of Redis go: to whoever asked first, and to the hub once there is one.
#[derive(Default)]
pub(super) struct Mailbox {
    hub: OnceLock<Addr<HubActor>>,
    before: Mutex<Before>,
}

/// What there is before the hub is tied.
#[derive(Default)]
struct Before {
    first: Option<oneshot::Sender<Answers>>,
    /// The hub asks as soon as it runs, and a Redis that is away answers at once. Were that answer
    /// lost, the hub would wait for it for ever.
    early: Vec<Vec<Answer>>,
}

impl Mailbox {
    /// From now on answers go to the hub, and first those that came before.
    pub(super) fn tie(&self, hub: &Addr<HubActor>) {
        let mut before = self.before();
        for answers in before.early.drain(..) {
            hub.do_send(hub::Answers(answers));
        }
        // It is tied once, at the start.
        drop(self.hub.set(hub.clone()));
    }

    fn deliver(&self, answers: Answers, metrics: &Metrics) {
        if let Some(took) = answers.took {
            metrics.store_seconds.observe(took.as_secs_f64());
        }
        if let Some(hub) = self.hub.get() {
            return hub.do_send(hub::Answers(answers.answers));
        }
        let mut before = self.before();
        // It may have been tied just now.
        if let Some(hub) = self.hub.get() {
            hub.do_send(hub::Answers(answers.answers));
        } else if let Some(first) = before.first.take() {
            // Who asked may have stopped waiting.
            drop(first.send(answers));
        } else {
            before.early.push(answers.answers);
        }
    }

    fn before(&self) -> MutexGuard<'_, Before> {
        // Nothing in it can be left half-done.
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opened {
    /// The way for commands, if there is a Redis to take them.
    pub(super) fn commands(&self) -> Option<hub::Commands> {
        let store = self.redis.as_ref()?.store.clone();
        Some(Box::new(move |commands| store.do_send(Commands(commands))))
    }
}

/// Opens the store.
///
/// # Errors
/// When the journal cannot be opened, the address of Redis cannot be used, or Redis is demanded and
/// does not answer.
pub(super) async fn open(loaded: &Loaded, node: &str, metrics: &Metrics) -> io::Result<Opened> {
    let config = &loaded.config;
    let memory_bytes = usize::try_from(config.memory_bytes_max).unwrap_or(usize::MAX);
    let memory = MemoryStore::new(config.retention, memory_bytes);
    let mailbox = Arc::new(Mailbox::default());
    if config.storage == Storage::Memory {
        let (store, described) = (Tiered::in_memory(memory), "memory".to_owned());
        return Ok(Opened { store, redis: None, described, mailbox });
    }
    let redis = start(config, node, metrics, &mailbox)?;
    let found = first_probe(&redis, &mailbox).await;
    let journal = open_journal(config)?;
    let address = config.redis.shown();
    let (store, described) = match found {
        Ok(()) => (Tiered::on_redis(memory, journal, Found::Well), format!("redis at {address}")),
        Err(fault) if config.storage == Storage::Redis => {
            let error = format!("STORAGE_BACKEND=redis, and {address} does not answer: {fault}");
            return Err(io::Error::other(error));
        }
        Err(fault) if loaded.needs_redis() => {
            let found = Found::Away(fault.to_string());
            (Tiered::on_redis(memory, journal, found), format!("redis at {address}, away"))
        }
        Err(_) => {
            let described = format!("memory (until a Redis answers at {address})");
            (Tiered::on_redis(memory, journal, Found::Unasked), described)
        }
    };
    Ok(Opened { store, redis: Some(redis), described, mailbox })
}

fn start(
    config: &Config,
    node: &str,
    metrics: &Metrics,
    mailbox: &Arc<Mailbox>,
) -> io::Result<Running> {
    let settings = RedisSettings {
        pool_size: config.redis.pool_size,
        prefix: config.redis.key_prefix.clone(),
        retention: config.retention,
        ..RedisSettings::new(config.redis.connection().clone(), node)
    };
    let (metrics, mailbox) = (metrics.clone(), Arc::clone(mailbox));
    let listener = Box::new(move |answers| mailbox.deliver(answers, &metrics));
    RedisStore::start(settings, listener).map_err(io::Error::other)
}

async fn first_probe(redis: &Running, mailbox: &Mailbox) -> Result<(), Fault> {
    let (sender, receiver) = oneshot::channel();
    mailbox.before().first = Some(sender);
    redis.store.do_send(Commands(vec![Command::Probe { resume: true }]));
    let answers = receiver.await.map_err(|_| Fault::Away("the store stopped".to_owned()))?;
    match answers.answers.into_iter().next() {
        Some(Answer::Probed(Err(fault))) => Err(fault),
        _ => Ok(()),
    }
}

fn open_journal(config: &Config) -> io::Result<Journal> {
    let bytes_max = usize::try_from(config.journal.bytes_max).unwrap_or(usize::MAX);
    match &config.journal.directory {
        None => Ok(Journal::in_memory(bytes_max)),
        Some(directory) => open_file(directory, bytes_max),
    }
}

fn open_file(directory: &Path, bytes_max: usize) -> io::Result<Journal> {
    let journal = Journal::open(directory, bytes_max).map_err(|error| {
        io::Error::new(error.kind(), format!("JOURNAL_DIR={}: {error}", directory.display()))
    })?;
    if let Some(Damage { bytes, original }) = journal.damage() {
        log::warn!(
            "store: {bytes} bytes of the journal are damaged and were skipped, {} messages kept; the file as it was is {}",
            journal.len(),
            original.display()
        );
    }
    if !journal.is_empty() {
        log::info!("store: {} messages of an earlier process are in the journal", journal.len());
    }
    Ok(journal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Answers {
        let fault = Fault::Away("connection refused".to_owned());
        Answers { answers: vec![Answer::Probed(Err(fault))], took: None }
    }

    #[test]
    fn an_answer_that_comes_before_the_hub_is_tied_is_kept_for_it() {
        let (mailbox, metrics) = (Mailbox::default(), Metrics::new());
        let (sender, mut receiver) = oneshot::channel();
        mailbox.before().first = Some(sender);
        mailbox.deliver(refused(), &metrics);
        assert!(receiver.try_recv().is_ok(), "the first goes to whoever asked first");
        mailbox.deliver(refused(), &metrics);
        assert_eq!(mailbox.before().early, [refused().answers]);
    }
}
