//! The one table of all variables. Flags, `.env.example`, `check-config` and the documents are made
//! from it or checked against it.

/// One variable that the program reads.
#[derive(Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name in the environment and in `.env`.
    pub name: &'static str,
    /// What holds when nothing is said; empty where the absence itself has a meaning.
    pub default: &'static str,
    /// One line for people, with unit and limits.
    pub help: &'static str,
    /// How its value is shown.
    pub shown: Shown,
    /// What it belongs to.
    pub group: Group,
}

/// How the value of a variable may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// As it is.
    Plain,
    /// As it is, and `--name` alone means `true`.
    Switch,
    /// Not at all.
    Secret,
    /// As a URL without its password.
    Url,
}

/// What a variable belongs to: a heading of `--help` and `.env.example`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Address and threads.
    Server,
    /// Where messages are kept.
    Storage,
    /// The connection to Redis or Valkey.
    Redis,
    /// Who may connect.
    Access,
    /// What clients can use up.
    Limits,
    /// How long things may take.
    Times,
    /// What is written about it.
    Log,
}

impl Group {
    /// The heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Server => "Server",
            Self::Storage => "Storage",
            Self::Redis => "Redis or Valkey",
            Self::Access => "Access",
            Self::Limits => "Limits",
            Self::Times => "Times",
            Self::Log => "Log",
        }
    }
}

impl Variable {
    /// Its name as a flag of the command line, without the dashes: `VALKEY_HOST` is `valkey-host`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.to_ascii_lowercase().replace('_', "-")
    }

    /// The variable called `name`.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        VARIABLES.iter().find(|variable| variable.name == name)
    }
}

macro_rules! variables {
    ($($group:ident { $($name:ident = $default:literal, $shown:ident, $help:literal;)* })*) => {
        /// Every variable that the program reads, in the order of the documents.
        pub const VARIABLES: &[Variable] = &[$($(Variable {
            name: stringify!($name),
            default: $default,
            help: $help,
            shown: Shown::$shown,
            group: Group::$group,
        },)*)*];
    };
}

variables! {
    Server {
        HOST = "127.0.0.1", Plain, "Address to listen on: an IP address or a host name; 0.0.0.0 or :: for all";
        PORT = "8085", Plain, "Port to listen on; 0 takes any free one";
        WORKERS = "", Plain, "Worker threads, 1 to 1024; empty: one per core";
    }
    Storage {
        STORAGE_BACKEND = "auto", Plain, "auto (Redis when it answers), redis (refuse to start without it) or memory";
        MESSAGE_TTL_HOURS = "24", Plain, "Hours for which a message is kept, up to 87600";
        HISTORY_MAX_MESSAGES = "1000", Plain, "Messages kept per room or pair of users, 1 to 1000000";
        MEMORY_STORE_MAX_BYTES = "256MiB", Plain, "Bytes of messages held in the memory of the process; the oldest rooms go first";
        JOURNAL_MAX_BYTES = "64MiB", Plain, "Bytes of messages kept for Redis while it is away";
        JOURNAL_DIR = "", Plain, "Directory for a journal that survives a crash of the hub; empty: in memory";
    }
    Redis {
        VALKEY_URL = "", Url, "redis://user:password@host:port/db, rediss:// (TLS) or unix:///path; takes the place of the five below";
        VALKEY_HOST = "localhost", Plain, "Host name or IP address";
        VALKEY_PORT = "6379", Plain, "Port, 1 to 65535";
        VALKEY_USERNAME = "", Plain, "ACL user; empty: the default user";
        VALKEY_PASSWORD = "", Secret, "Password; empty: none";
        VALKEY_USE_TLS = "false", Switch, "Whether to connect with TLS: true or false";
        VALKEY_POOL_SIZE = "10", Plain, "Connections to Redis, 1 to 1024";
        REDIS_DB = "0", Plain, "Number of the database, 0 to 16383";
        KEY_PREFIX = "", Plain, "What every key begins with, up to 64 bytes";
    }
    Access {
        AUTH_MODE = "none", Plain, "Who may connect: none (whoever reaches the port; there is no login yet)";
        ALLOWED_ORIGINS = "", Plain, "Origins of pages that may connect, comma separated, or *; empty: the same host and localhost";
        ALLOW_MISSING_ORIGIN = "false", Switch, "Whether clients without an Origin may connect once ALLOWED_ORIGINS is set";
        TRUSTED_PROXIES = "", Plain, "Addresses or networks (10.0.0.0/8) whose forwarding headers are believed, comma separated";
    }
    Limits {
        MAX_CONNECTIONS = "100000", Plain, "Connections to the node; 0: no limit";
        MAX_CONNECTIONS_PER_IP = "0", Plain, "Connections from one address; 0: no limit";
        MAX_ROOMS_PER_SESSION = "128", Plain, "Rooms that one session may be in; 0: no limit";
        MAX_FRAME_BYTES = "1MiB", Plain, "Longest message from a client; 0: no limit";
        SESSION_QUEUE_BYTES = "1MiB", Plain, "Bytes that may wait for a slow client; 0: no limit";
        RATE_FRAMES_PER_SEC = "50", Plain, "Frames per second that one session may send on average; 0: no limit";
        RATE_BURST = "100", Plain, "Frames that one session may send at once, at least 1";
    }
    Times {
        PING_INTERVAL_SECS = "25", Plain, "Seconds between two pings of the server";
        PONG_TIMEOUT_SECS = "60", Plain, "Seconds without a sign of life before a client counts as gone";
        WRITE_TIMEOUT_SECS = "10", Plain, "Seconds for which a client may take nothing of what waits for it";
        DRAIN_SECS = "10", Plain, "Seconds over which clients are spread when the hub stops; 0: at once";
    }
    Log {
        RUST_LOG = "info", Plain, "Level (error, warn, info, debug, trace, off), or module=level, comma separated";
        LOG_FORMAT = "text", Plain, "text or json";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_flags_are_their_kebab_case() {
        for (at, variable) in VARIABLES.iter().enumerate() {
            assert!(VARIABLES[..at].iter().all(|other| other.name != variable.name));
            assert!(variable.name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'));
        }
        assert_eq!(Variable::find("VALKEY_HOST").unwrap().flag(), "valkey-host");
        assert_eq!(Variable::find("PATH"), None);
    }

    #[test]
    fn a_secret_has_no_default() {
        for variable in VARIABLES.iter().filter(|variable| variable.shown == Shown::Secret) {
            assert_eq!(variable.default, "", "{}", variable.name);
        }
    }
}
