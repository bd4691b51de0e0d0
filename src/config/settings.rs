//! The value of each variable and where it comes from: flag, environment, `.env`, default.

use std::collections::HashMap;

use super::redis::mask_url;
use super::secret::{MASK, Secret};
use super::variables::{Shown, VARIABLES, Variable};
use super::{ConfigError, parse};

/// Characters of a value that a message shows at most.
const SHOWN_CHARS_MAX: usize = 100;

/// Where a value comes from, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line.
    Flag,
    /// The environment of the process.
    Environment,
    /// The file `.env` of the working directory.
    File,
    /// The table of variables.
    Default,
}

impl Source {
    /// As `check-config` says it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => ".env",
            Self::Default => "default",
        }
    }
}

/// Texts by the name of their variable; from the environment and from `.env` also those that this
/// program does not read.
pub type Texts = HashMap<String, String>;

/// All that was said, not yet understood.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// From the command line.
    pub flags: Texts,
    /// From the environment.
    pub environment: Texts,
    /// From `.env`.
    pub file: Texts,
}

/// One variable with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Which variable.
    pub variable: &'static Variable,
    /// Where its value comes from.
    pub source: Source,
    value: Option<Secret>,
}

impl Setting {
    fn resolve(variable: &'static Variable, inputs: &Inputs) -> Self {
        let said = |texts: &Texts| -> Option<Secret> {
            let text = texts.get(variable.name)?;
            // A password may begin with a blank; everything else is trimmed.
            let text = if variable.shown == Shown::Secret { text } else { text.trim() };
            (!text.is_empty()).then(|| Secret::new(text))
        };
        let (source, value) = if let Some(value) = said(&inputs.flags) {
            (Source::Flag, Some(value))
        } else if let Some(value) = said(&inputs.environment) {
            (Source::Environment, Some(value))
        } else if let Some(value) = said(&inputs.file) {
            (Source::File, Some(value))
        } else {
            let default = (!variable.default.is_empty()).then(|| Secret::new(variable.default));
            (Source::Default, default)
        };
        Self { variable, source, value }
    }

    /// The value as it was said, `None` when nothing was said and there is no default.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.value.as_ref().map(Secret::expose)
    }

    /// Whether somebody chose another value than the default. A copy of `.env.example` chooses
    /// nothing.
    #[must_use]
    pub fn is_chosen(&self) -> bool {
        self.source != Source::Default && self.text() != Some(self.variable.default)
    }

    /// The value in one line for people: secrets masked, no control characters, cut when long.
    #[must_use]
    pub fn shown(&self) -> String {
        match (self.text(), self.variable.shown) {
            (None, _) => String::new(),
            (Some(_), Shown::Secret) => MASK.to_owned(),
            (Some(text), Shown::Url) => mask_url(text),
            (Some(text), Shown::Plain | Shown::Switch) => one_line(text),
        }
    }
}

/// `text` in one line of bounded length.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for (at, character) in text.chars().enumerate() {
        if at == SHOWN_CHARS_MAX {
            line.push('…');
            break;
        }
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// Every variable with its value, in the order of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings(Vec<Setting>);

impl Settings {
    /// Decides for each variable which of the `inputs` counts. Empty texts count as not said.
    #[must_use]
    pub fn resolve(inputs: &Inputs) -> Self {
        Self(VARIABLES.iter().map(|variable| Setting::resolve(variable, inputs)).collect())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }

    /// The setting called `name`.
    ///
    /// # Panics
    /// When the table has no such variable.
    #[must_use]
    pub fn get(&self, name: &str) -> &Setting {
        self.0
            .iter()
            .find(|setting| setting.variable.name == name)
            .unwrap_or_else(|| panic!("{name} is in the table of variables"))
    }

    /// Whether somebody said something about `name`, be it its default; a copy of `.env.example` says
    /// nothing.
    #[must_use]
    pub fn is_said(&self, name: &str) -> bool {
        let setting = self.get(name);
        let aloud = matches!(setting.source, Source::Flag | Source::Environment);
        setting.is_chosen() || aloud && setting.text().is_some()
    }

    /// Whether somebody chose another value of `name` than its default.
    #[must_use]
    pub fn is_chosen(&self, name: &str) -> bool {
        self.get(name).is_chosen()
    }

    /// Reads a variable that may be absent.
    pub(super) fn optional<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> parse::Parsed<T>,
    ) -> Result<Option<T>, ConfigError> {
        let setting = self.get(name);
        setting.text().map(read).transpose().map_err(|allowed| ConfigError::value(setting, allowed))
    }

    /// Reads a variable that has a default.
    pub(super) fn required<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> parse::Parsed<T>,
    ) -> Result<T, ConfigError> {
        self.optional(name, read).map(|value| value.expect("the table has a default for it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> Texts {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
        let mut inputs = Inputs {
            flags: texts(&[("PORT", "1")]),
            environment: texts(&[("PORT", "2")]),
            file: texts(&[("PORT", "3")]),
        };
        let mut seen = Vec::new();
        for _ in 0..4 {
            let settings = Settings::resolve(&inputs);
            let port = settings.get("PORT");
            seen.push((port.source, port.shown()));
            match port.source {
                Source::Flag => inputs.flags.clear(),
                Source::Environment => inputs.environment.clear(),
                Source::File | Source::Default => inputs.file.clear(),
            }
        }
        let expected = [
            (Source::Flag, "1"),
            (Source::Environment, "2"),
            (Source::File, "3"),
            (Source::Default, "8085"),
        ];
        assert_eq!(seen, expected.map(|(source, text)| (source, text.to_owned())));
    }

    #[test]
    fn an_empty_value_counts_as_not_said() {
        let inputs = Inputs {
            environment: texts(&[("PORT", " "), ("VALKEY_PASSWORD", "")]),
            file: texts(&[("PORT", " 9 ")]),
            ..Inputs::default()
        };
        let settings = Settings::resolve(&inputs);
        assert_eq!(settings.get("PORT").text(), Some("9"));
        assert_eq!(settings.get("VALKEY_PASSWORD").text(), None);
    }

    #[test]
    fn a_password_keeps_its_blanks_and_is_not_shown() {
        let inputs =
            Inputs { file: texts(&[("VALKEY_PASSWORD", " hunter2 ")]), ..Inputs::default() };
        let settings = Settings::resolve(&inputs);
        assert_eq!(settings.get("VALKEY_PASSWORD").text(), Some(" hunter2 "));
        assert_eq!(settings.get("VALKEY_PASSWORD").shown(), "***");
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn a_shown_value_is_one_short_line() {
        assert_eq!(one_line("a\nb\u{1b}"), "a\\nb\\u{1b}");
        assert_eq!(one_line(&"x".repeat(100)), "x".repeat(100));
        assert_eq!(one_line(&"x".repeat(101)), "x".repeat(100) + "…");
    }
}
