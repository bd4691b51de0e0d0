//! Reads `.env` without touching the environment of the process.

use std::cell::Cell;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::ConfigError;
use super::settings::Texts;

/// The variables of the file at `path`; none when there is no such file. Of a name that stands there
/// twice the first counts.
///
/// # Errors
/// [`ConfigError::Unreadable`] when the file is there and cannot be read, [`ConfigError::Line`] when
/// a line of it makes no sense.
pub fn read(path: &Path) -> Result<Texts, ConfigError> {
    let file = path.display().to_string();
    match fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => parse(&file, &text),
            Err(_) => Err(ConfigError::Unreadable { file, why: "it is not UTF-8".to_owned() }),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Texts::new()),
        Err(error) => Err(ConfigError::Unreadable { file, why: error.to_string() }),
    }
}

fn parse(file: &str, text: &str) -> Result<Texts, ConfigError> {
    // dotenvy takes a last line that ends in a blank instead of a line end for an open quote.
    let text = format!("{}\n", text.trim_start_matches('\u{feff}'));
    let lines_read = Cell::new(0);
    let mut texts = Texts::new();
    for item in dotenvy::from_read_iter(Lines { rest: text.as_bytes(), read: &lines_read }) {
        match item {
            Ok((name, value)) => {
                texts.entry(name).or_insert(value);
            }
            Err(dotenvy::Error::LineParse(part, _)) => {
                // The part is what was read last; it runs over several lines inside quotes.
                let line = lines_read.get() + 1 - part.lines().count().max(1);
                return Err(ConfigError::Line { file: file.to_owned(), line });
            }
            Err(error) => {
                let why = error.to_string();
                return Err(ConfigError::Unreadable { file: file.to_owned(), why });
            }
        }
    }
    Ok(texts)
}

/// Hands out one line at a time and counts them: dotenvy does not tell where an error is.
struct Lines<'a> {
    rest: &'a [u8],
    read: &'a Cell<usize>,
}

impl Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = self.rest.iter().position(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let length = end.min(buffer.len());
        let (line, rest) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(line);
        self.rest = rest;
        self.read.set(self.read.get() + usize::from(line.ends_with(b"\n")));
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_values_comments_and_quotes_are_read() {
        let text =
            "# a comment\nPORT=1 # why\n\nexport HOST=\"::1\"\nVALKEY_PASSWORD='a$b #c'\nPORT=2";
        let texts = parse(".env", text).unwrap();
        assert_eq!(texts["PORT"], "1");
        assert_eq!(texts["HOST"], "::1");
        assert_eq!(texts["VALKEY_PASSWORD"], "a$b #c");
        assert_eq!(texts.len(), 3);
    }

    #[test]
    fn a_byte_order_mark_and_a_blank_at_the_end_do_no_harm() {
        assert_eq!(parse(".env", "\u{feff}PORT=1 ").unwrap()["PORT"], "1");
    }

    #[test]
    fn a_malformed_line_is_named_by_its_number_and_not_shown() {
        for (text, line) in [
            ("PORT 1", 1),
            ("PORT=1\nHOST=x\n???", 3),
            ("PORT=1\n\nVALKEY_PASSWORD='hunter2\nHOST=x\n", 3),
            ("PORT=1\n# a b\n\nVALKEY_PASSWORD=hunter2 a b\nPORT=1\n", 4),
            ("A='1\n2'\nB='1\n2' hunter2 x\n", 3),
            ("A=1\r\nB=\"hunter2\r\n", 2),
        ] {
            let error = parse(".env", text).unwrap_err().to_string();
            assert!(error.starts_with(&format!(".env, line {line}: ")), "{error}");
            assert!(!error.contains("hunter2") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_missing_file_is_empty_and_an_unreadable_one_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(&directory.path().join(".env")).unwrap().is_empty());
        let error = read(directory.path()).unwrap_err().to_string();
        assert!(error.contains("cannot be read"), "{error}");
        let path = directory.path().join("latin1");
        fs::write(&path, b"HOST=caf\xe9").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("not UTF-8"));
    }
}
