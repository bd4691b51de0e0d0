//! Finds names that look like a variable of this program and are none.

use super::settings::Inputs;
use super::variables::{VARIABLES, Variable};

/// The beginnings of names that are ours alone.
const OURS: &str = "VALKEY_";
/// What Kubernetes and Docker put into the environment beside a service called `valkey`.
const LINKS: [&str; 3] = ["VALKEY_PORT_", "VALKEY_SERVICE_", "VALKEY_ENV_"];

/// What an operator who sets it relies on, and this version does not have.
const NOT_YET: [&str; 6] =
    ["API_KEY", "JWT_SECRET", "JWT_PUBLIC_KEY_FILE", "JWT_JWKS_URL", "JWT_ISSUER", "JWT_AUDIENCE"];

/// One line for each name of the environment or of `.env` that was hardly meant as it stands.
pub fn warnings(inputs: &Inputs) -> Vec<String> {
    let sources = [("the environment", &inputs.environment), (".env", &inputs.file)];
    let mut warnings = Vec::new();
    for (place, texts) in sources {
        for name in texts.keys().filter(|name| Variable::find(name).is_none()) {
            if LINKS.iter().any(|link| name.starts_with(link)) {
                continue;
            }
            if NOT_YET.contains(&name.as_str()) {
                warnings.push(format!("{name} in {place} is not read by this version"));
                continue;
            }
            // Other programs may use any other name; but who writes it into our file means us.
            let near = nearest(name).filter(|_| place == ".env" || name.starts_with(OURS));
            match near {
                Some(near) => {
                    warnings.push(format!("{name} in {place} is not read; is {near} meant?"));
                }
                None if name.starts_with(OURS) => {
                    warnings.push(format!("{name} in {place} is not read"));
                }
                None => {}
            }
        }
    }
    warnings.sort();
    warnings
}

/// The variable whose name is at most two letters away, for names long enough to say so.
fn nearest(name: &str) -> Option<&'static str> {
    const DISTANCE_MAX: usize = 2;
    const NAME_BYTES_MAX: usize = 64;
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    VARIABLES
        .iter()
        .map(|variable| (distance(name, variable.name), variable.name))
        .filter(|&(distance, known)| distance <= DISTANCE_MAX && distance * 4 <= known.len())
        .min()
        .map(|(_, known)| known)
}

/// Letters to be put in, taken out or changed (Levenshtein), whatever their case.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.bytes().enumerate() {
            let change = diagonal + usize::from(!a.eq_ignore_ascii_case(&b));
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Texts;

    fn texts(names: &[&str]) -> Texts {
        names.iter().map(|&name| (name.to_owned(), "x".to_owned())).collect()
    }

    #[test]
    fn a_misspelt_name_is_told_with_the_one_that_is_meant() {
        let inputs = Inputs {
            environment: texts(&["VALKEY_PASSWROD", "VALKEY_FOO", "PATH", "PRT", "MAX_FRAME_BYTE"]),
            file: texts(&["MAX_FRAME_BYTE", "DATABASE_URL", "LOGNAME", "API_KEY"]),
            ..Inputs::default()
        };
        assert_eq!(
            warnings(&inputs),
            [
                "API_KEY in .env is not read by this version",
                "MAX_FRAME_BYTE in .env is not read; is MAX_FRAME_BYTES meant?",
                "VALKEY_FOO in the environment is not read",
                "VALKEY_PASSWROD in the environment is not read; is VALKEY_PASSWORD meant?",
            ]
        );
    }

    #[test]
    fn known_names_and_service_links_are_no_typos() {
        let environment =
            texts(&["VALKEY_HOST", "VALKEY_PORT_6379_TCP_ADDR", "VALKEY_SERVICE_HOST"]);
        assert!(warnings(&Inputs { environment, ..Inputs::default() }).is_empty());
    }

    #[test]
    fn distances_count_letters() {
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("abc", "ABD"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("PORT", "HOST"), 2);
    }
}
