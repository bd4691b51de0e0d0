//! Why the program does not start: one line that names the variable, the value and what is allowed.

use super::settings::Setting;

/// What is wrong with the configuration, as one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value is not allowed.
    #[error("{name}={value} ({source_name}): {allowed}")]
    Value {
        /// The variable.
        name: &'static str,
        /// Its value, masked if it is a secret.
        value: String,
        /// Where it came from.
        source_name: &'static str,
        /// What would be allowed.
        allowed: String,
    },
    /// A value of the environment is not UTF-8.
    #[error("{0}: the value is not UTF-8")]
    NotUnicode(String),
    /// `.env` is there but cannot be read.
    #[error("{file}: cannot be read: {why}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        why: String,
    },
    /// A line of `.env` is not `NAME=value`. The line is not shown: it may hold a secret.
    #[error("{file}, line {line}: must be NAME=value, a comment or empty; quotes must be closed")]
    Line {
        /// The file.
        file: String,
        /// Counted from 1; of a value over several lines the first.
        line: usize,
    },
}

impl ConfigError {
    /// Says that `setting` is not what is `allowed`.
    pub(super) fn value(setting: &Setting, allowed: impl Into<String>) -> Self {
        Self::Value {
            name: setting.variable.name,
            value: setting.shown(),
            source_name: setting.source.name(),
            allowed: allowed.into(),
        }
    }
}
