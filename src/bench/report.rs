//! What a run found out.

use serde::Serialize;

use super::Scenario;
use super::latency::Percentiles;
use super::meter::{Cost, Sample};
use super::scenario::Bench;

/// Cores that one generator can use at most; above this it was busy all the time.
const BUSY_CORES: f64 = 0.9;
/// A generator whose messages leave later than this does not keep its rate.
const LATE_MS: f64 = 5.0;

/// The findings of one run. Figures named `_ms`, `_us`, `_kb` are in milliseconds, microseconds and
/// units of 1024 bytes.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What was run.
    pub scenario: Scenario,
    /// Clients.
    pub connections: usize,
    /// Rooms; means nothing for direct messages.
    pub rooms: usize,
    /// Messages per second that were intended; `None` when saturating.
    pub rate: Option<f64>,
    /// Messages of a sender on their way at once; `None` when keeping a rate.
    pub window: Option<usize>,
    /// Bytes of a message's content.
    pub size: usize,
    /// How long it took until all clients were let in.
    pub connect_seconds: f64,
    /// How long the measured part was.
    pub seconds: f64,
    /// Clients whose connections ended before the run did.
    pub closed: usize,
    /// Why the first of them ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_close: Option<String>,
    /// Messages, unless the clients were idle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat: Option<Chat>,
    /// What idle clients cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<Idle>,
    /// What the server used in the measured part; needs `--pid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Cost>,
    /// How the generator itself was.
    pub generator: Generator,
    /// Why these figures may tell more of the generator or the machine than of the server.
    pub warnings: Vec<String>,
}

/// What became of messages, over the whole run but for latency and rate.
#[derive(Debug, Clone, Serialize)]
pub struct Chat {
    /// Messages given to sockets.
    pub sent: u64,
    /// Frames that should come of them: sent, times the clients that each is for.
    pub expected: u64,
    /// Frames that came.
    pub delivered: u64,
    /// Frames that did not come.
    pub lost: u64,
    /// Frames that came again, or out of order.
    pub duplicated: u64,
    /// Frames that came to somebody whom they were not for.
    pub strayed: u64,
    /// Messages that a sender could not send: it was gone, or its server did not read.
    pub unsent: u64,
    /// Other text frames, such as errors.
    pub others: u64,
    /// Frames that came per second of the measured part.
    pub deliveries_per_second: f64,
    /// From the moment when a message was to be sent, so that a server that stalls the generator
    /// is not spared; when saturating, from the moment when it was sent.
    pub latency_ms: Percentiles,
}

/// What idle clients cost.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Idle {
    /// How much more resident memory the server had at the end than before the first connection,
    /// by connection; needs `--pid`.
    pub resident_kb_per_connection: Option<f64>,
}

/// How the generator was.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Generator {
    /// Cores that it kept busy in the measured part.
    pub cores: Option<f64>,
    /// Text frames that one read gave on average: how well the server bundled them.
    pub frames_per_read: f64,
    /// How much later than intended messages were given to sockets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_ms: Option<Percentiles>,
}

impl Report {
    pub(super) fn new(
        bench: &Bench,
        connect_seconds: f64,
        before: &Sample,
        after: &Sample,
        deliveries: u64,
    ) -> Self {
        let (options, counts) = (bench.options, bench.swarm.counts());
        let sends = options.scenario != Scenario::Idle;
        Self {
            scenario: options.scenario,
            connections: options.connections,
            rooms: options.rooms,
            rate: (sends && !options.saturate).then_some(options.rate),
            window: (sends && options.saturate).then_some(options.window),
            size: options.size,
            connect_seconds,
            seconds: after.seconds_since(before),
            closed: counts.closed,
            first_close: bench.swarm.first_fault().map(|(_, reason)| reason.clone()),
            chat: None,
            idle: None,
            server: after.server_cost_since(before, deliveries),
            generator: Generator {
                cores: after.own_cores_since(before),
                frames_per_read: counts.texts as f64 / counts.reads.max(1) as f64,
                late_ms: None,
            },
            warnings: Vec::new(),
        }
    }

    /// Adds the warnings that the figures call for.
    pub(super) fn judge(&mut self) {
        if let Some(cores) = self.generator.cores.filter(|&cores| cores > BUSY_CORES) {
            self.warnings.push(format!(
                "the generator was busy all the time ({cores:.2} cores): it may be the limit"
            ));
        }
        if let Some(late) = self.generator.late_ms.filter(|late| late.p99 > LATE_MS) {
            self.warnings.push(format!(
                "the generator sent late (p99 {:.1} ms): it or the machine is the limit",
                late.p99
            ));
        }
        if self.chat.as_ref().is_some_and(|chat| chat.unsent > 0) {
            self.warnings.push("messages could not be sent: the rate was not kept".to_owned());
        }
    }

    /// Whether everything arrived once and nobody was cut off.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let clean = |chat: &Chat| chat.lost + chat.duplicated + chat.strayed == 0;
        self.closed == 0 && self.chat.as_ref().is_none_or(clean)
    }
}
