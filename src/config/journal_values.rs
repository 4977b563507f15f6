//! Reads the values that say where a journal in `PostgreSQL` is: URLs, the file of its key, how long a lead holds. Knows nothing of
//! keys, nor of the places that values come from.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::files;
use super::place::{DEFAULT_LEASE, JournalKey, JournalPlace, JournalServer};
use super::values::{Value, Wrong, duration, list, not_empty, text};

/// The key of the journal and its file.
pub(super) fn key_file(value: Value) -> Result<(JournalKey, PathBuf), Wrong> {
    const KEY_REMEDY: &str = "make one with `(umask 077; openssl rand -hex 32 > FILE)`";
    let path = text(value)?;
    let held = files::read(Path::new(&path)).map_err(|e| {
        let is_missing = e.kind() == std::io::ErrorKind::NotFound;
        let remedy = if is_missing { KEY_REMEDY } else { "let the relay's own user read it" };
        Wrong::quoted(&path, format!("it can't be read ({e}); {remedy}"))
    })?;
    let held = Zeroizing::new(held);
    let key = JournalKey::from_hex(&held).ok_or_else(|| {
        Wrong::quoted(&path, format!("it must hold 64 hexadecimal digits alone; {KEY_REMEDY}"))
    })?;
    Ok((key, path.into()))
}

/// The journal that an operator names on the command line: a URL of `PostgreSQL` with the file of its key, or a path. `name`: what other
/// relays call the one who asks.
///
/// # Errors
/// What is wrong, and what to write instead.
pub fn typed_journal(text: &str, key_file: Option<&Path>, name: &str) -> Result<JournalPlace, String> {
    let said = |wrong: Wrong| format!("{}: {}", wrong.shown, wrong.remedy);
    if !text.contains("://") {
        return match key_file {
            None => Ok(JournalPlace::File(text.into())),
            Some(_) => {
                Err("--key-file is for a URL of PostgreSQL, and this is a path: leave it out".to_owned())
            }
        };
    }
    let Some(key_file) = key_file else {
        return Err("name the file with the key that payloads are sealed with: --key-file FILE".to_owned());
    };
    let (urls, shown) = postgres_urls(Value::Text(text.to_owned())).map_err(said)?;
    let (key, key_file) = self::key_file(Value::Text(key_file.display().to_string())).map_err(said)?;
    let (relay, lease) = (name.to_owned(), DEFAULT_LEASE);
    Ok(JournalServer { urls, shown, key, key_file, password_in: None, relay, lease }.into())
}

/// Parameters of a `PostgreSQL` URL that are understood.
const URL_PARAMETERS: [&str; 12] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// URLs of `PostgreSQL`, and the same without user, password and parameters. No error shows one: it may have a password in it.
pub(super) fn postgres_urls(value: Value) -> Result<(Vec<SecretString>, String), Wrong> {
    let value = match value {
        Value::Text(text) => Value::List(vec![Value::Text(text)]),
        other => other,
    };
    let urls =
        not_empty(list(text)(value)?, "write postgresql://USER:PASSWORD@HOST/DATABASE, or a list of such")?;
    let shown = urls.iter().map(|url| shown_url(url)).collect::<Result<Vec<_>, _>>()?;
    Ok((urls.into_iter().map(SecretString::from).collect(), shown.join(", ")))
}

fn shown_url(url: &str) -> Result<String, Wrong> {
    let wrong = |what: &str, remedy: &str| Err(Wrong::new(what, remedy));
    let Some(rest) = url.strip_prefix("postgresql://").or_else(|| url.strip_prefix("postgres://")) else {
        return wrong("no URL of PostgreSQL", "write postgresql://USER:PASSWORD@HOST/DATABASE");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let behind = &rest[authority.len()..];
    if behind.contains(['@', '#']) || authority.matches('@').count() > 1 {
        return wrong(
            "a URL with a character that ends its password",
            "write @ / ? # in it as %40 %2F %3F %23",
        );
    }
    if authority.contains(',') {
        return wrong("a URL with several hosts", "write a list of URLs, one for each");
    }
    let (path, parameters) = behind.split_once('?').unwrap_or((behind, ""));
    let server = authority.rsplit('@').next().unwrap_or_default();
    let (mut host, mut port) = match server.rsplit_once(':') {
        Some((host, port)) if host.ends_with(']') || !host.contains(':') => (host.to_owned(), port),
        _ => (server.to_owned(), ""),
    };
    let mut database = path.to_owned();
    // What stands here counts more than what stands in front.
    for parameter in parameters.split('&').filter(|it| !it.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name {
            "hostaddr" if value.contains(':') => host = format!("[{value}]"),
            "host" | "hostaddr" => value.clone_into(&mut host),
            "port" => port = value,
            "dbname" => database = format!("/{value}"),
            _ if URL_PARAMETERS.contains(&name) => {}
            _ => {
                return wrong(
                    "a URL with a parameter that is not known",
                    &format!("known are {}", URL_PARAMETERS.join(", ")),
                );
            }
        }
    }
    let is_folder = host.starts_with('/') || host.get(..3).is_some_and(|it| it.eq_ignore_ascii_case("%2f"));
    if host.is_empty() {
        host.push_str("localhost");
    }
    let port = if port.is_empty() || is_folder { String::new() } else { format!(":{port}") };
    Ok(format!("{host}{port}{database}"))
}

/// Whether there is a password in a URL, which may be wrong.
pub(super) fn has_password(url: &str) -> bool {
    let (front, parameters) = url.split_once('?').unwrap_or((url, ""));
    let user =
        front.split_once("://").and_then(|(_, rest)| rest.split_once('@')).map_or("", |(user, _)| user);
    user.contains(':') || parameters.split('&').any(|it| it.starts_with("password="))
}

/// How long a lead may hold.
const ALLOWED_LEASES: RangeInclusive<Duration> = Duration::from_secs(3)..=Duration::from_secs(60);

/// A duration within those bounds.
pub(super) fn lease(value: Value) -> Result<Duration, Wrong> {
    let lease = duration(value)?;
    if ALLOWED_LEASES.contains(&lease) {
        Ok(lease)
    } else {
        Err(Wrong::new(format!("{} s", lease.as_secs()), "it must be from 3s to 60s"))
    }
}
