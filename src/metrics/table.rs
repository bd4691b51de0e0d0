//! The one table of all metrics; the documents are checked against it.

/// One metric as Prometheus sees it.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its whole name: of a counter with `_total`, of information with `_info`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The name of its label; empty without.
    pub label: &'static str,
    /// One sentence, without the full stop, which the encoder adds.
    pub help: &'static str,
}

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down; settles to zero when everybody has left, where it counts what clients hold.
    Gauge,
    /// Only goes up.
    Counter,
    /// Buckets of times.
    Histogram,
    /// Always 1; its label says something.
    Info,
}

macro_rules! table {
    ($($kind:ident $name:literal ($label:literal) = $help:literal;)*) => {
        /// Every metric.
        pub const TABLE: &[Metric] = &[$(Metric {
            name: $name,
            kind: Kind::$kind,
            label: $label,
            help: $help,
        },)*];
    };
}

table! {
    Info "aleatoria_build_info" ("version") = "The version that runs";
    Gauge "aleatoria_connections" ("") = "Connections that are open";
    Gauge "aleatoria_available_users" ("") = "Users who may be drawn for a call";
    Gauge "aleatoria_rooms" ("") = "Rooms with members on this node";
    Counter "aleatoria_frames_received_total" ("type") = "Frames from clients; refused ones as rejected";
    Counter "aleatoria_frames_sent_total" ("type") = "Frames put into queues of sessions, one per receiver";
    Counter "aleatoria_deliveries_total" ("") = "Chat messages put into queues of sessions, one per receiver";
    Counter "aleatoria_messages_total" ("stored") = "Chat messages accepted, by what holds them";
    Counter "aleatoria_messages_replayed_total" ("") = "Journalled messages that Redis has by now";
    Counter "aleatoria_messages_refused_total" ("") = "Messages that Redis refused for good, kept in memory only";
    Counter "aleatoria_bytes_received_total" ("") = "Bytes read from WebSockets";
    Counter "aleatoria_bytes_sent_total" ("") = "Bytes written to WebSockets";
    Counter "aleatoria_queue_overflows_total" ("") = "Sessions closed because they did not take what they were sent";
    Counter "aleatoria_rate_limited_total" ("") = "Frames dropped because a session sent too many";
    Counter "aleatoria_errors_total" ("code") = "Error frames sent";
    Counter "aleatoria_closes_total" ("code") = "Connections closed by the server, by close code";
    Counter "aleatoria_handshakes_refused_total" ("reason") = "Connections refused before the upgrade";
    Gauge "aleatoria_store_up" ("") = "1 while messages are kept as configured, 0 while degraded";
    Histogram "aleatoria_store_seconds" ("") = "Time from a command to the answer of Redis, in seconds";
    Counter "aleatoria_store_outages_total" ("") = "Changes from well to degraded";
    Counter "aleatoria_redis_events_total" ("event") = "Commands of each kind sent to Redis, and how they failed";
    Counter "aleatoria_facts_dropped_total" ("") = "Memberships that found their queue to Redis full";
    Gauge "aleatoria_journal_messages" ("") = "Messages that wait in the journal for Redis";
    Gauge "aleatoria_journal_bytes" ("") = "Bytes of these messages";
    Counter "aleatoria_journal_refused_total" ("") = "Messages that a full journal did not take";
    Counter "aleatoria_journal_volatile_total" ("") = "Messages that wait in memory because the journal's file could not be written";
    Gauge "aleatoria_memory_store_messages" ("") = "Messages held by the memory store";
    Gauge "aleatoria_memory_store_bytes" ("") = "Bytes of these messages";
    Counter "aleatoria_memory_store_evicted_total" ("") = "Messages that left memory early for want of bytes";
    Gauge "process_start_time_seconds" ("") = "When the process began, in seconds since the epoch";
    Gauge "process_resident_memory_bytes" ("") = "Memory in use, in bytes";
    Gauge "process_open_fds" ("") = "Files and sockets that are open";
    Counter "process_cpu_seconds_total" ("") = "Time of the processors used, in seconds";
}
