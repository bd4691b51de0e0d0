//! What can be counted and measured of a running hub, for Prometheus.
//!
//! It owns names and numbers and refuses to know what they mean. On the way of a frame there are
//! only atomic additions.

mod labels;
mod process;
mod registration;
mod table;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use labels::{REDIS_EVENTS, Received, Refusal};
pub use table::{Kind, Metric, TABLE};

use crate::hub::Kept;
use crate::protocol::{CloseCode, ErrorCode, FrameKind};
use labels::Labelled;
use process::Process;
use registration::Registration;

/// The type of what [`Metrics::encode`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the buckets of [`Instruments::store_seconds`]: from a fast local Redis over the
/// delivery deadline of 250 ms to the command timeout of 3 s.
const STORE_SECONDS: [f64; 12] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 3.0];

/// All metrics of one hub. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Shared>);

struct Shared {
    instruments: Instruments,
    process: Process,
    registry: Registry,
}

/// The numbers themselves; [`TABLE`] says what each means.
#[derive(Debug)]
pub struct Instruments {
    /// `aleatoria_connections`.
    pub connections: Gauge,
    /// `aleatoria_available_users`.
    pub available_users: Gauge,
    /// `aleatoria_rooms`.
    pub rooms: Gauge,
    /// `aleatoria_deliveries_total`.
    pub deliveries: Counter,
    /// `aleatoria_messages_replayed_total`.
    pub messages_replayed: Counter,
    /// `aleatoria_messages_refused_total`.
    pub messages_refused: Counter,
    /// `aleatoria_bytes_received_total`.
    pub bytes_received: Counter,
    /// `aleatoria_bytes_sent_total`.
    pub bytes_sent: Counter,
    /// `aleatoria_store_outages_total`.
    pub store_outages: Counter,
    /// `aleatoria_facts_dropped_total`.
    pub facts_dropped: Counter,
    /// `aleatoria_memory_store_evicted_total`.
    pub memory_store_evicted: Counter,
    /// `aleatoria_queue_overflows_total`.
    pub queue_overflows: Counter,
    /// `aleatoria_rate_limited_total`.
    pub rate_limited: Counter,
    /// `aleatoria_store_up`: 0 or 1.
    pub store_up: Gauge,
    /// `aleatoria_store_seconds`.
    pub store_seconds: Histogram,
    /// `aleatoria_journal_messages`.
    pub journal_messages: Gauge,
    /// `aleatoria_journal_bytes`.
    pub journal_bytes: Gauge,
    /// `aleatoria_journal_refused_total`.
    pub journal_refused: Counter,
    /// `aleatoria_journal_volatile_total`.
    pub journal_volatile: Counter,
    /// `aleatoria_memory_store_messages`.
    pub memory_store_messages: Gauge,
    /// `aleatoria_memory_store_bytes`.
    pub memory_store_bytes: Gauge,
    labelled: Labelled,
}

impl Metrics {
    /// All of them at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut to = Registration::default();
        to.register("aleatoria_build_info", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let store_seconds = Histogram::new(STORE_SECONDS);
        to.register("aleatoria_store_seconds", store_seconds.clone());
        let instruments = Instruments {
            connections: to.fresh("aleatoria_connections"),
            available_users: to.fresh("aleatoria_available_users"),
            rooms: to.fresh("aleatoria_rooms"),
            messages_replayed: to.fresh("aleatoria_messages_replayed_total"),
            messages_refused: to.fresh("aleatoria_messages_refused_total"),
            bytes_received: to.fresh("aleatoria_bytes_received_total"),
            bytes_sent: to.fresh("aleatoria_bytes_sent_total"),
            store_outages: to.fresh("aleatoria_store_outages_total"),
            facts_dropped: to.fresh("aleatoria_facts_dropped_total"),
            memory_store_evicted: to.fresh("aleatoria_memory_store_evicted_total"),
            deliveries: to.fresh("aleatoria_deliveries_total"),
            queue_overflows: to.fresh("aleatoria_queue_overflows_total"),
            rate_limited: to.fresh("aleatoria_rate_limited_total"),
            store_up: to.fresh("aleatoria_store_up"),
            store_seconds,
            journal_messages: to.fresh("aleatoria_journal_messages"),
            journal_bytes: to.fresh("aleatoria_journal_bytes"),
            journal_refused: to.fresh("aleatoria_journal_refused_total"),
            journal_volatile: to.fresh("aleatoria_journal_volatile_total"),
            memory_store_messages: to.fresh("aleatoria_memory_store_messages"),
            memory_store_bytes: to.fresh("aleatoria_memory_store_bytes"),
            labelled: Labelled::register(&mut to),
        };
        let process = Process::register(&mut to);
        Self(Arc::new(Shared { instruments, process, registry: to.finish() }))
    }

    /// All metrics as OpenMetrics text, to be served as [`CONTENT_TYPE`].
    #[must_use]
    pub fn encode(&self) -> String {
        self.0.process.refresh();
        let mut text = String::new();
        text::encode(&mut text, &self.0.registry).expect("a string takes all that is written");
        text
    }
}

impl Instruments {
    /// A client sent a frame.
    pub fn received(&self, frame: Received) {
        self.labelled.received(frame).inc();
    }

    /// A frame was put into the queues of `receivers` sessions.
    pub fn sent(&self, kind: FrameKind, receivers: u64) {
        self.labelled.sent(kind).inc_by(receivers);
    }

    /// Error frames sent with this code.
    #[must_use]
    pub fn errors(&self, code: ErrorCode) -> &Counter {
        self.labelled.error(code)
    }

    /// Connections that the server closed with this code.
    #[must_use]
    pub fn closes(&self, code: CloseCode) -> &Counter {
        self.labelled.closed(code)
    }

    /// A connection was refused before the upgrade.
    pub fn refused(&self, refusal: Refusal) {
        self.labelled.refused(refusal).inc();
    }

    /// Messages accepted and held by this.
    #[must_use]
    pub fn messages(&self, kept: Kept) -> &Counter {
        self.labelled.stored(kept)
    }

    /// What happened between the hub and Redis; `None` for a name that is not in [`REDIS_EVENTS`].
    #[must_use]
    pub fn redis(&self, event: &str) -> Option<&Counter> {
        self.labelled.redis(event)
    }
}

/// Makes a counter show a total that is kept elsewhere and only grows. Of two who show it at once, the
/// later total stays.
pub fn show_total(counter: &Counter, total: u64) {
    counter.inner().fetch_max(total, Ordering::Relaxed);
}

impl Deref for Metrics {
    type Target = Instruments;

    fn deref(&self) -> &Instruments {
        &self.0.instruments
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.instruments.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, series: &str) -> String {
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} in {text}")).to_owned()
    }

    #[test]
    fn every_row_of_the_table_is_written_and_nothing_else() {
        let text = Metrics::new().encode();
        let types: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let mut expected: Vec<_> = TABLE
            .iter()
            .map(|metric| match metric.kind {
                Kind::Gauge => format!("{} gauge", metric.name),
                Kind::Counter => format!("{} counter", metric.name.strip_suffix("_total").unwrap()),
                Kind::Histogram => format!("{} histogram", metric.name),
                Kind::Info => format!("{} info", metric.name.strip_suffix("_info").unwrap()),
            })
            .collect();
        let mut types: Vec<_> = types.into_iter().map(str::to_owned).collect();
        types.sort();
        expected.sort();
        assert_eq!(types, expected);
        for metric in TABLE {
            let opening = if metric.label.is_empty() { "" } else { "{" };
            assert!(text.contains(&format!("\n{}{opening}", metric.name)), "{}", metric.name);
        }
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn what_is_counted_is_written() {
        let metrics = Metrics::new();
        let other = metrics.clone();
        metrics.connections.inc();
        other.connections.inc();
        metrics.connections.dec();
        metrics.deliveries.inc_by(3);
        metrics.received(Received::Chat);
        metrics.sent(FrameKind::ChatMessage, 7);
        metrics.errors(ErrorCode::NotInRoom).inc();
        metrics.closes(CloseCode::SlowConsumer).inc();
        metrics.refused(Refusal::Origin);
        show_total(metrics.messages(Kept::Journal), 1);
        show_total(metrics.redis("full").unwrap(), 5);
        metrics.store_seconds.observe(0.2);
        let text = metrics.encode();
        for (series, expected) in [
            ("aleatoria_connections", "1"),
            ("aleatoria_deliveries_total", "3"),
            ("aleatoria_frames_received_total{type=\"chat_message\"}", "1"),
            ("aleatoria_frames_sent_total{type=\"chat_message\"}", "7"),
            ("aleatoria_frames_sent_total{type=\"pong\"}", "0"),
            ("aleatoria_errors_total{code=\"not_in_room\"}", "1"),
            ("aleatoria_closes_total{code=\"4001\"}", "1"),
            ("aleatoria_handshakes_refused_total{reason=\"origin\"}", "1"),
            ("aleatoria_messages_total{stored=\"journal\"}", "1"),
            ("aleatoria_redis_events_total{event=\"full\"}", "5"),
            ("aleatoria_store_seconds_bucket{le=\"0.1\"}", "0"),
            ("aleatoria_store_seconds_bucket{le=\"0.25\"}", "1"),
            ("aleatoria_store_seconds_count", "1"),
            ("aleatoria_build_info{version=\"0.1.0\"}", "1"),
        ] {
            assert_eq!(value(&text, series), expected, "{series}");
        }
    }

    #[test]
    fn the_same_word_names_what_holds_a_message_in_an_ack_and_here() {
        for kept in [Kept::Redis, Kept::Memory, Kept::Journal] {
            let metrics = Metrics::new();
            metrics.messages(kept).inc();
            let word = serde_json::to_string(&kept).unwrap();
            let series = format!("aleatoria_messages_total{{stored={word}}}");
            assert_eq!(value(&metrics.encode(), &series), "1");
        }
    }
}
