//! How a line of the log looks.

use std::io::Write;

use chrono::{SecondsFormat, Utc};

use crate::config::{Log, LogFormat};

/// Starts logging to the standard error; to be called once.
pub fn start(log: &Log) {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(&log.filter);
    // What the runtime says of its own threads tells an operator nothing.
    builder.filter_module("actix_server", log::LevelFilter::Warn);
    if log.format == LogFormat::Json {
        builder.format(|buffer, record| {
            let line = serde_json::json!({
                "time": Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
                "level": record.level().as_str(),
                "target": record.target(),
                "message": record.args().to_string(),
            });
            writeln!(buffer, "{line}")
        });
    }
    builder.init();
}
