//! Reads values: a function for each type, whose error says what is wrong and what to write instead.
//! Knows nothing of keys, nor of the places that values come from.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use jid::BareJid;
use secrecy::SecretString;
use toml::de::DeValue;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::digest::Digest;
use super::files;
use super::schema::{Archive, LogFormat, Membership, Mimicry, Passwords, Rate, Server, Strangers, Support};
use crate::model::group::{self, Entry, NoName};
use crate::model::{address as jids, domain as domains, duration as durations};

/// The durations that any key may have. The longest one, added to the present time, is far from an overflow.
const ALLOWED_DURATIONS: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(3650 * 24 * 3600);

/// A value as it was written.
#[derive(Hash)]
pub(super) enum Value {
    Text(String),
    Integer(String),
    Boolean(bool),
    List(Vec<Value>),
    /// A value of a type that no key has; the name of the type.
    Other(&'static str),
    /// The text of a variable: the key decides on its type.
    Variable(String),
}

/// A value that can't be used.
#[derive(Debug)]
pub(super) struct Wrong {
    /// The value, or its type if it may be a secret.
    pub(super) shown: String,
    /// What to write instead.
    pub(super) remedy: String,
}

impl Wrong {
    pub(super) fn new(shown: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { shown: shown.into(), remedy: remedy.into() }
    }

    pub(super) fn quoted(text: &str, remedy: impl Into<String>) -> Self {
        Self::new(format!("{text:?}"), remedy)
    }
}

impl Value {
    pub(super) fn from_toml(value: DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.into_owned()),
            // Normalised: no underscores, decimal.
            DeValue::Integer(n) => Self::Integer(
                i64::from_str_radix(n.as_str(), n.radix()).map_or_else(|_| n.to_string(), |n| n.to_string()),
            ),
            DeValue::Array(items) => {
                Self::List(items.into_iter().map(|item| Self::from_toml(item.into_inner())).collect())
            }
            DeValue::Float(_) => Self::Other("a fraction"),
            DeValue::Boolean(value) => Self::Boolean(value),
            DeValue::Datetime(_) => Self::Other("a date"),
            DeValue::Table(_) => Self::Other("a table"),
        }
    }

    /// Differs between two values of a key, as good as always.
    pub(super) fn digest(&self) -> Digest {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        Digest(hasher.finish())
    }

    /// The name of its type, shown in place of a value that may be a secret.
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Variable(_) => "a text",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
        }
    }

    fn text(self) -> Result<String, Wrong> {
        match self {
            Self::Text(text) | Self::Variable(text) => Ok(text),
            other => Err(Wrong::new(other.kind(), "write one text, in quotes")),
        }
    }
}

/// A text that is not empty.
pub(super) fn text(value: Value) -> Result<String, Wrong> {
    let text = value.text()?;
    if text.is_empty() { Err(Wrong::quoted(&text, "it must not be empty")) } else { Ok(text) }
}

pub(super) fn path(value: Value) -> Result<PathBuf, Wrong> {
    text(value).map(PathBuf::from)
}

/// The secret; no error shows it. What is written in quotes may have any characters.
pub(super) fn secret(value: Value) -> Result<SecretString, Wrong> {
    match value {
        Value::Variable(text) => secret_line(text),
        other => secret_text(other.text()?),
    }
}

/// The path of a file with the secret; a mark of the order of bytes at its beginning and one line break at its end are ignored.
pub(super) fn secret_file(value: Value) -> Result<(SecretString, PathBuf), Wrong> {
    let path = text(value)?;
    let held = files::read(Path::new(&path))
        .map_err(|e| Wrong::quoted(&path, format!("it can't be read ({e}); write the secret into it")))?;
    let held = held.strip_prefix('\u{feff}').unwrap_or(&held);
    let secret = held.strip_suffix('\n').map_or(held, |line| line.strip_suffix('\r').unwrap_or(line));
    match secret_line(secret.to_owned()) {
        Ok(secret) => Ok((secret, path.into())),
        Err(wrong) => Err(Wrong::quoted(
            &path,
            format!("what it holds is {}; write the secret alone into it", wrong.shown),
        )),
    }
}

fn secret_text(secret: String) -> Result<SecretString, Wrong> {
    if secret.is_empty() {
        return Err(Wrong::new("empty", "set it to the secret of the component on your server"));
    }
    Ok(SecretString::from(secret))
}

/// A secret as a file or a variable holds it. White space at its ends is kept: the server's own may have it.
fn secret_line(secret: String) -> Result<SecretString, Wrong> {
    let inner = secret.trim();
    if inner.contains(['\n', '\r']) {
        return Err(Wrong::new("a text that has more than one line", "write the secret alone, on one line"));
    }
    if inner.contains(char::is_control) {
        return Err(Wrong::new(
            "a text with a control character",
            "write the secret alone, as it can be typed",
        ));
    }
    secret_text(secret)
}

/// `true` or `false`.
pub(super) fn boolean(value: Value) -> Result<bool, Wrong> {
    const BOOLEAN_REMEDY: &str = "write true or false, without quotes";
    match value {
        Value::Boolean(value) => Ok(value),
        Value::Variable(text) => text.trim().parse().map_err(|_| Wrong::quoted(&text, "write true or false")),
        Value::Text(text) => Err(Wrong::quoted(&text, BOOLEAN_REMEDY)),
        Value::Integer(number) => Err(Wrong::new(number, BOOLEAN_REMEDY)),
        other => Err(Wrong::new(other.kind(), BOOLEAN_REMEDY)),
    }
}

/// A whole number within bounds.
pub(super) fn number<N>(bounds: RangeInclusive<N>) -> impl FnOnce(Value) -> Result<N, Wrong>
where
    N: FromStr + PartialOrd + std::fmt::Display,
{
    move |value| {
        let remedy = format!("write a whole number from {} to {}", bounds.start(), bounds.end());
        match value {
            Value::Integer(text) | Value::Variable(text) => match text.trim().parse() {
                Ok(number) if bounds.contains(&number) => Ok(number),
                _ => Err(Wrong::new(text, remedy)),
            },
            Value::Text(text) => Err(Wrong::quoted(&text, format!("{remedy}, without quotes"))),
            other => Err(Wrong::new(other.kind(), remedy)),
        }
    }
}

pub(super) fn duration(value: Value) -> Result<Duration, Wrong> {
    const DURATION_REMEDY: &str = "write a duration such as 90s, 10m, 24h or 30d, in quotes";
    let text = match value {
        Value::Integer(number) => return Err(Wrong::new(number, DURATION_REMEDY)),
        other => other.text()?,
    };
    match durations::parse(&text) {
        Some(duration) if ALLOWED_DURATIONS.contains(&duration) => Ok(duration),
        Some(_) => Err(Wrong::quoted(&text, "it must be from 1s to 3650d")),
        None => Err(Wrong::quoted(&text, DURATION_REMEDY)),
    }
}

/// A rate such as `30/10m`.
pub(super) fn rate(value: Value) -> Result<Rate, Wrong> {
    let text = value.text()?;
    let parse = |text: &str| {
        let (count, per) = text.split_once('/')?;
        let count = count.trim().parse().ok().filter(|count| (1..=1_000_000).contains(count))?;
        let per = durations::parse(per.trim()).filter(|per| ALLOWED_DURATIONS.contains(per))?;
        Some(Rate { count, per })
    };
    parse(&text).ok_or_else(|| {
        Wrong::quoted(&text, "write a rate such as 30/10m: from 1 to 1000000 in a time from 1s to 3650d")
    })
}

/// A domain. Two are equal if their canonical forms are.
#[derive(Debug, Clone)]
pub(super) struct Domain {
    /// The canonical form.
    pub(super) canonical: String,
    /// The same domain in the labels of the configuration.
    pub(super) written: String,
}

impl PartialEq for Domain {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

/// A bare domain.
pub(super) fn domain(value: Value) -> Result<Domain, Wrong> {
    let text = value.text()?;
    match domains::canonical(&text) {
        Ok(canonical) if domains::is_host_name(&canonical) => {
            let written = text.strip_suffix('.').unwrap_or(&text).to_lowercase();
            Ok(Domain { canonical: canonical.into_owned(), written })
        }
        _ => Err(Wrong::quoted(&text, "write a domain alone, such as conference.example.org")),
    }
}

/// A person's bare JID, normalised.
pub(super) fn bare_jid(value: Value) -> Result<BareJid, Wrong> {
    let text = value.text()?;
    match jids::typed(&text) {
        Ok(jid) if jid.node().is_some() && !text.contains('/') => Ok(jid),
        _ => Err(Wrong::quoted(&text, "write a bare JID, such as bob@example.org")),
    }
}

/// A list without repetitions.
pub(super) fn list<T: PartialEq>(
    item: impl Fn(Value) -> Result<T, Wrong>,
) -> impl Fn(Value) -> Result<Vec<T>, Wrong> {
    move |value| {
        let values = match value {
            Value::List(values) => values,
            Value::Variable(text) => variable_list(&text)?,
            other => return Err(Wrong::new(other.kind(), "write a list, such as [\"one\", \"two\"]")),
        };
        let mut items = Vec::with_capacity(values.len());
        for value in values {
            let value = item(value)?;
            if !items.contains(&value) {
                items.push(value);
            }
        }
        Ok(items)
    }
}

/// `one,two` or `["one", "two"]`.
fn variable_list(text: &str) -> Result<Vec<Value>, Wrong> {
    if text.trim_start().starts_with('[') {
        return match DeValue::parse(text.trim()).map(|value| Value::from_toml(value.into_inner())) {
            Ok(Value::List(values)) => Ok(values),
            _ => Err(Wrong::quoted(text, "write it as one,two or as [\"one\", \"two\"]")),
        };
    }
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    Ok(items.map(|item| Value::Text(item.to_owned())).collect())
}

/// A list that has at least one item.
pub(super) fn not_empty<T>(list: Vec<T>, remedy: &str) -> Result<Vec<T>, Wrong> {
    if list.is_empty() { Err(Wrong::new("empty", remedy)) } else { Ok(list) }
}

/// The name of a group.
pub(super) fn group_name(name: &str) -> Result<String, Wrong> {
    group::check_name(name).map_err(|NoName { what, remedy }| Wrong::new(what, remedy))?;
    Ok(name.to_owned())
}

/// A person's bare JID, normalised, or `@` and the name of a group.
pub(super) fn group_entry(value: Value) -> Result<Entry, Wrong> {
    let text = value.text()?;
    Entry::typed(&text).ok_or_else(|| {
        Wrong::quoted(&text, "write a bare JID, such as bob@example.org, or @ and a group's name")
    })
}

/// `host:port`, `[::1]:port` or `unix:/path`; the host in lower case, the port without zeros in front.
pub(super) fn server(value: Value) -> Result<Server, Wrong> {
    let text = value.text()?;
    let parse = |text: &str| {
        if let Some(path) = text.strip_prefix("unix:") {
            return path.starts_with('/').then(|| Server::Unix(path.into()));
        }
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse::<u16>().ok().filter(|port| *port != 0)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            // Its shortest form, as an address of TCP has it.
            Some(address) => format!("[{}]", address.parse::<Ipv6Addr>().ok()?),
            None if domains::is_host_name(host) => host.to_lowercase(),
            None => return None,
        };
        Some(Server::Tcp(format!("{host}:{port}")))
    };
    parse(&text)
        .ok_or_else(|| Wrong::quoted(&text, "write host:port, [::1]:port or unix:/run/server/component.sock"))
}

pub(super) fn address(value: Value) -> Result<SocketAddr, Wrong> {
    let text = value.text()?;
    // Port 0 would be another one after each start.
    let address = text.parse().ok().filter(|address: &SocketAddr| address.port() != 0);
    address.ok_or_else(|| Wrong::quoted(&text, "write an IP address and a port, such as 127.0.0.1:9590"))
}

/// A level such as `info`, or directives such as `target=info`, without spaces between them. A target without a level is
/// refused: everything else would not be logged. So is an empty directive, which the log would read as `error` for everything,
/// and what the log does not read.
pub(super) fn log_level(value: Value) -> Result<String, Wrong> {
    let text = value.text()?;
    let directives: Vec<&str> = text.split(',').map(str::trim).collect();
    let good = |directive: &&str| {
        let (target, level) = directive.rsplit_once('=').unwrap_or(("all", directive));
        let is_level = !level.is_empty() && level.parse::<LevelFilter>().is_ok();
        !target.is_empty() && !target.contains(char::is_whitespace) && is_level
    };
    let joined = directives.join(",");
    if directives.iter().all(good) && joined.parse::<Targets>().is_ok() {
        return Ok(joined);
    }
    let remedy = "write error, warn, info, debug, trace or off, or \
                  directives such as info,muc_invite_relay::link=debug";
    Err(Wrong::quoted(&text, remedy))
}

/// A type that is written as one of a few fixed words.
pub(super) trait FixedWords: Copy + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

pub(super) fn word<T: FixedWords>(value: Value) -> Result<T, Wrong> {
    let text = value.text()?;
    T::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<_> = T::WORDS.iter().map(|(word, _)| *word).collect();
        Wrong::quoted(&text, format!("write one of {}", words.join(", ")))
    })
}

impl FixedWords for Membership {
    const WORDS: &'static [(&'static str, Self)] =
        &[("add", Self::Add), ("require", Self::Require), ("ignore", Self::Ignore)];
}

impl FixedWords for Strangers {
    const WORDS: &'static [(&'static str, Self)] = &[("relay", Self::Relay), ("refuse", Self::Refuse)];
}

impl FixedWords for Mimicry {
    const WORDS: &'static [(&'static str, Self)] =
        &[("refuse", Self::Refuse), ("warn", Self::Warn), ("off", Self::Off)];
}

impl FixedWords for Support {
    const WORDS: &'static [(&'static str, Self)] = &[("assume", Self::Assume), ("ask", Self::Ask)];
}

impl FixedWords for Passwords {
    const WORDS: &'static [(&'static str, Self)] = &[("relay", Self::Relay), ("strip", Self::Strip)];
}

impl FixedWords for Archive {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("store", Self::Store), ("no-store", Self::NoStore), ("none", Self::None)];
}

impl FixedWords for LogFormat {
    const WORDS: &'static [(&'static str, Self)] =
        &[("text", Self::Text), ("json", Self::Json), ("journald", Self::Journald)];
}
