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
use secrecy::zeroize::Zeroizing;
use toml::de::DeValue;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::digest::Digest;
use super::files;
use super::place::{DEFAULT_LEASE, JournalKey, JournalPlace, JournalServer};
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

    fn quoted(text: &str, remedy: impl Into<String>) -> Self {
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

/// The key of the journal and its file.
pub(super) fn journal_key_file(value: Value) -> Result<(JournalKey, PathBuf), Wrong> {
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
    let (key, key_file) = journal_key_file(Value::Text(key_file.display().to_string())).map_err(said)?;
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

/// How long a lead may hold.
const ALLOWED_LEASES: RangeInclusive<Duration> = Duration::from_secs(3)..=Duration::from_secs(60);

pub(super) fn lease(value: Value) -> Result<Duration, Wrong> {
    let lease = duration(value)?;
    if ALLOWED_LEASES.contains(&lease) {
        Ok(lease)
    } else {
        Err(Wrong::new(format!("{} s", lease.as_secs()), "it must be from 3s to 60s"))
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
