//! The Lua files, one per atomic operation, as Redis gets them.

use std::sync::LazyLock;

use redis::Cmd;

/// One atomic operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// `append.lua`
    Append,
    /// `read.lua`
    Read,
    /// `purge.lua`
    Purge,
    /// `joined.lua`
    Joined,
    /// `left.lua`
    Left,
    /// `available.lua`
    Available,
}

struct Source {
    text: String,
    sha: String,
}

static SOURCES: LazyLock<[Source; Script::ALL.len()]> =
    LazyLock::new(|| Script::ALL.map(Script::compose));

impl Script {
    /// Every script.
    pub const ALL: [Self; 6] =
        [Self::Append, Self::Read, Self::Purge, Self::Joined, Self::Left, Self::Available];

    /// A call of this script; `keys` is the number of keys that come first among its arguments.
    #[must_use]
    pub fn call(self, keys: usize) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&SOURCES[self as usize].sha).arg(keys);
        command
    }

    /// Teaches Redis this script.
    #[must_use]
    pub fn load(self) -> Cmd {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(&SOURCES[self as usize].text);
        command
    }

    fn compose(self) -> Source {
        let conversation = include_str!("../lua/conversation.lua");
        let (shared, own) = match self {
            Self::Append => (conversation, include_str!("../lua/append.lua")),
            Self::Read => (conversation, include_str!("../lua/read.lua")),
            Self::Purge => (conversation, include_str!("../lua/purge.lua")),
            Self::Joined => ("", include_str!("../lua/joined.lua")),
            Self::Left => ("", include_str!("../lua/left.lua")),
            Self::Available => ("", include_str!("../lua/available.lua")),
        };
        // The first line says how the script is to be run and must stay the first.
        let (shebang, body) = own.split_once('\n').expect("a script has a first line and a body");
        let text = format!("{shebang}\n{shared}{body}");
        let sha = redis::Script::new(&text).get_hash().to_owned();
        Source { text, sha }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_begins_with_its_flags_and_stands_at_its_own_index() {
        for (index, script) in Script::ALL.into_iter().enumerate() {
            assert_eq!(script as usize, index);
            assert!(SOURCES[index].text.starts_with("#!lua"), "{script:?}");
        }
    }
}
