//! Reads what Redis answered.

use bytes::Bytes;
use redis::{RedisError, ServerError, Value};
use serde::Deserialize;

use crate::hub::{History, Stored};
use crate::protocol::Position;
use crate::store::Fault;

/// The answer of `append.lua`: position, the one before it, whether it was there already.
///
/// # Errors
/// What Redis said instead.
pub fn appended(value: Value) -> Result<(Position, Position, bool), Fault> {
    match value {
        Value::Array(values) => match values[..] {
            [Value::Int(position), Value::Int(previous), Value::Int(duplicate)] => {
                Ok((Position(unsigned(position)), Position(unsigned(previous)), duplicate != 0))
            }
            _ => Err(unexpected(&Value::Array(values))),
        },
        other => Err(unexpected(&other)),
    }
}

/// The answer of `read.lua` to a page of at most `limit` messages.
///
/// # Errors
/// What Redis said instead.
pub fn history(value: Value, limit: u16) -> Result<History, Fault> {
    let Value::Array(values) = value else { return Err(unexpected(&value)) };
    let more = values.len() > 2 * usize::from(limit);
    let mut messages = Vec::with_capacity(values.len() / 2);
    let mut values = values.into_iter();
    while let (Some(text), Some(position)) = (values.next(), values.next())
        && messages.len() < usize::from(limit)
    {
        messages.extend(stored(text, &position));
    }
    messages.reverse();
    Ok(History { messages, more, degraded: false })
}

/// The answer to a probe: whether the mark of the last one was gone.
///
/// # Errors
/// What Redis said instead.
pub fn probed(value: &Value) -> Result<bool, Fault> {
    match value {
        Value::Nil => Ok(true),
        Value::BulkString(_) | Value::SimpleString(_) => Ok(false),
        other => Err(unexpected(other)),
    }
}

/// A number, such as how much is left to do.
///
/// # Errors
/// What Redis said instead.
pub fn number(value: &Value) -> Result<u64, Fault> {
    match value {
        Value::Int(number) => Ok(unsigned(*number)),
        other => Err(unexpected(other)),
    }
}

/// What an error answer to one command means.
#[must_use]
pub fn server_fault(error: &ServerError) -> Fault {
    let text = match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    };
    match error.code() {
        "READONLY" | "LOADING" | "OOM" | "MISCONF" | "MASTERDOWN" | "NOAUTH" | "WRONGPASS"
        | "NOPERM" | "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK" | "BUSY" | "NOREPLICAS"
        | "NOSCRIPT" => Fault::Away(text),
        _ => Fault::Refused(text),
    }
}

/// What it means that a connection could not be made or did not answer.
#[must_use]
pub fn connection_fault(error: &RedisError) -> Fault {
    Fault::Away(error.to_string())
}

/// A message whose text another program broke is left out: it would break the frame around it.
fn stored(text: Value, position: &Value) -> Option<Stored> {
    let Value::BulkString(text) = text else { return None };
    let json = std::str::from_utf8(&text).ok()?;
    let position = match position {
        Value::BulkString(score) if !score.is_empty() => parse_score(score)?,
        _ => time_of(json)?,
    };
    Some(Stored { position, json: Bytes::from(text) })
}

/// A score is a double and may be written as one.
fn parse_score(text: &[u8]) -> Option<Position> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(position) = text.parse() {
        return Some(Position(position));
    }
    let score: f64 = text.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked first")]
    (0.0..=9_007_199_254_740_992.0).contains(&score).then_some(Position(score as u64))
}

fn time_of(json: &str) -> Option<Position> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Time<'a> {
        create_time: &'a str,
    }
    Position::parse_rfc3339(serde_json::from_str::<Time>(json).ok()?.create_time)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn unexpected(value: &Value) -> Fault {
    match value {
        Value::ServerError(error) => server_fault(error),
        _ => Fault::Refused("an answer of an unexpected type".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn error(line: &str) -> ServerError {
        match redis::parse_redis_value(line.as_bytes()).unwrap() {
            Value::ServerError(error) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_page_is_turned_round_and_the_one_too_many_says_more() {
        let answer = || Value::Array(["c", "3", "b", "2", "a", "1"].map(text).to_vec());
        let page = history(answer(), 2).unwrap();
        let positions: Vec<_> = page.messages.iter().map(|stored| stored.position.0).collect();
        assert_eq!((positions, page.more), (vec![2, 3], true));
        assert!(!history(answer(), 3).unwrap().more);
        assert_eq!(history(Value::Array(vec![]), 3).unwrap(), History::default());
    }

    #[test]
    fn scores_may_be_written_as_doubles() {
        assert_eq!(parse_score(b"1700000000000042"), Some(Position(1_700_000_000_000_042)));
        assert_eq!(parse_score(b"1.7e+15"), Some(Position(1_700_000_000_000_000)));
        assert_eq!(parse_score(b"-1"), None);
        assert_eq!(parse_score(b"inf"), None);
    }

    #[test]
    fn a_position_that_the_index_lost_is_the_time_of_the_message() {
        let json = r#"{"createTime":"1970-01-01T00:00:00.000007Z"}"#;
        let page = history(Value::Array(vec![text(json), text("")]), 5).unwrap();
        assert_eq!(page.messages[0].position, Position(7));
    }

    #[test]
    fn faults_tell_what_may_be_asked_again() {
        let away = ["READONLY x", "OOM x", "MISCONF x", "LOADING x", "NOAUTH x", "WRONGPASS x"];
        for line in away {
            assert!(matches!(server_fault(&error(&format!("-{line}\r\n"))), Fault::Away(_)));
        }
        assert_eq!(
            server_fault(&error("-WRONGTYPE Operation against a key\r\n")),
            Fault::Refused("WRONGTYPE Operation against a key".into())
        );
    }
}
