//! The configuration as it was written: sections, keys and raw values, each with its place in a file or its variable. What is
//! read later overrides what was read before. Knows nothing of what keys mean: the reader asks for each, and a key that was
//! not asked for is unknown.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::digest::Keys;
use super::error::{Complaint, ConfigError};
use super::values::{Value, Wrong};

/// Variables that override a key are named by this prefix and `SECTION__KEY`.
const VARIABLE_PREFIX: &str = "MUC_INVITE_RELAY__";

/// A known word is suggested in place of an unknown one from this similarity on (Jaro: 0 to 1).
const MIN_TYPO_SIMILARITY: f64 = 0.7;

/// The process's variables that override a key.
///
/// # Errors
/// [`ConfigError::Invalid`] if one of them is not UTF-8.
pub(super) fn environment() -> Result<Vec<(String, String)>, ConfigError> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            Some((name.into_string().ok().filter(|n| n.starts_with(VARIABLE_PREFIX))?, value))
        })
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(ConfigError::Invalid(vec![Complaint {
                place: name,
                text: "this is not UTF-8: write it as UTF-8".to_owned(),
            }])),
        })
        .collect()
}

/// A file of the configuration; without a path it is only a text.
pub(super) struct Source {
    pub(super) path: Option<PathBuf>,
    pub(super) text: String,
}

/// The layer of the environment, which is above those of all files.
const ENVIRONMENT_LAYER: usize = usize::MAX;

struct Entry {
    place: String,
    value: Value,
    /// The number of the file that it stands in: a higher one overrides a lower one.
    layer: usize,
}

type Section = BTreeMap<String, Entry>;

/// What was written and has not been read yet. Neither it nor its values have `Debug`: one value is the secret.
#[derive(Default)]
pub(super) struct Document {
    files: Vec<Option<PathBuf>>,
    sections: BTreeMap<String, (String, Section)>,
    /// Keys outside of any section, and their places.
    outside_sections: Vec<(String, String)>,
    complaints: Vec<Complaint>,
    asked: BTreeSet<(&'static str, &'static str)>,
    set: Keys,
}

impl Document {
    /// Parses the files in their order, then lets the variables override them.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if one of them is not TOML.
    pub(super) fn new(
        files: Vec<Source>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut document = Self::default();
        for (layer, Source { path, text }) in files.into_iter().enumerate() {
            let lines = Lines { path: path.as_deref(), text: &text };
            let table = DeTable::parse(&text).map_err(|e| {
                // Its Display would show the line, which may hold the secret.
                let place = e.span().map_or_else(String::new, |span| lines.place(&span));
                let text = format!("this is not TOML: {}", e.message().replace('\n', ", "));
                ConfigError::Invalid(vec![Complaint { place, text }])
            })?;
            document.take_table(&lines, table.into_inner(), layer);
            document.files.push(path);
        }
        for (name, value) in env {
            if let Some(path) = name.strip_prefix(VARIABLE_PREFIX) {
                document.take_variable(&name, path, value);
            }
        }
        Ok(document)
    }

    fn take_table(&mut self, lines: &Lines<'_>, table: DeTable<'_>, layer: usize) {
        for (name, value) in table {
            let place = lines.place(&name.span());
            let name = name.into_inner().into_owned();
            match value.into_inner() {
                DeValue::Table(table) => {
                    let entry = |(key, value): (Spanned<Cow<'_, str>>, Spanned<DeValue<'_>>)| {
                        let place = lines.place(&key.span());
                        let value = Value::from_toml(value.into_inner());
                        (key.into_inner().into_owned(), Entry { place, value, layer })
                    };
                    let (_, section) = self.sections.entry(name).or_insert_with(|| (place, Section::new()));
                    section.extend(table.into_iter().map(entry));
                }
                DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()) => {
                    self.complain(place, format!("[[{name}]] is a list of sections: write [{name}] once"));
                }
                _ => self.outside_sections.push((place, name)),
            }
        }
    }

    fn take_variable(&mut self, name: &str, path: &str, value: String) {
        let Some((section, key)) = path.split_once("__") else {
            let example = format!("{VARIABLE_PREFIX}COMPONENT__JID");
            self.complain(String::new(), format!("{name} names no key: write SECTION__KEY as in {example}"));
            return;
        };
        let entry = Entry { place: name.to_owned(), value: Value::Variable(value), layer: ENVIRONMENT_LAYER };
        let (_, section) =
            self.sections.entry(section.to_lowercase()).or_insert_with(|| (name.to_owned(), Section::new()));
        section.insert(key.to_lowercase(), entry);
    }

    fn complain(&mut self, place: String, text: String) {
        self.complaints.push(Complaint { place, text });
    }

    /// Notes that the value of a key is wrong.
    pub(super) fn wrong(&mut self, place: String, section: &str, key: &str, wrong: &Wrong) {
        self.complain(place, format!("{section}.{key} is {}: {}", wrong.shown, wrong.remedy));
    }

    /// Notes that a required key is missing.
    pub(super) fn missing(&mut self, section: &str, key: &str, remedy: &str) {
        // A key that is there but wrong has its complaint already.
        if !self.set.contains_key(&format!("{section}.{key}")) {
            self.complain(String::new(), format!("{section}.{key} is missing: {remedy}"));
        }
    }

    /// Reads one key; `None` if it is absent, or if it is wrong, which is noted.
    pub(super) fn read<T>(
        &mut self,
        section: &'static str,
        key: &'static str,
        parse: impl FnOnce(Value) -> Result<T, Wrong>,
    ) -> Option<T> {
        self.asked.insert((section, key));
        let Entry { place, value, .. } = self.sections.get_mut(section)?.1.remove(key)?;
        self.set.insert(format!("{section}.{key}"), value.digest());
        parse(value).map_err(|wrong| self.wrong(place, section, key, &wrong)).ok()
    }

    /// Reads a section whose keys the operator chooses. Returns the place, key and value of each that is right.
    pub(super) fn read_all<T>(
        &mut self,
        section: &'static str,
        mut parse: impl FnMut(&str, Value) -> Result<T, Wrong>,
    ) -> Vec<(String, String, T)> {
        self.asked.insert((section, "*"));
        let Some((_, entries)) = self.sections.remove(section) else { return Vec::new() };
        let mut read = Vec::new();
        for (key, Entry { place, value, .. }) in entries {
            self.set.insert(format!("{section}.{key}"), value.digest());
            match parse(&key, value) {
                Ok(item) => read.push((place, key, item)),
                Err(wrong) => self.wrong(place, section, &key, &wrong),
            }
        }
        read
    }

    /// Whether a key is set and has not been read yet.
    pub(super) fn has(&self, section: &str, key: &str) -> bool {
        self.sections.get(section).is_some_and(|(_, entries)| entries.contains_key(key))
    }

    /// The file that a key stands in, which has not been read yet; `None` for a variable, or a text without a path.
    pub(super) fn file_of(&self, section: &str, key: &str) -> Option<PathBuf> {
        let (_, entries) = self.sections.get(section)?;
        self.files.get(entries.get(key)?.layer)?.clone()
    }

    /// Of two keys that exclude each other, the one that is read later removes the other one. Two of one file both stay.
    pub(super) fn prefer_later(&mut self, section: &str, keys: [&str; 2]) {
        let Some((_, entries)) = self.sections.get_mut(section) else { return };
        if let [Some(a), Some(b)] = keys.map(|key| entries.get(key).map(|entry| entry.layer))
            && a != b
        {
            entries.remove(keys[usize::from(a > b)]);
        }
    }

    /// The files that were read, in their order.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.files.iter().flatten().cloned().collect()
    }

    /// Notes all keys that were not asked for. Returns all complaints and the keys that were set.
    pub(super) fn finish(mut self) -> (Vec<Complaint>, Keys) {
        for (place, key) in std::mem::take(&mut self.outside_sections) {
            let remedy = match self.asked.iter().find(|(_, known)| *known == key) {
                Some((section, _)) => format!("did you mean {section}.{key}?"),
                None => "put it below its [section]".to_owned(),
            };
            self.complain(place, format!("{key} stands in no section: {remedy}"));
        }
        for (section, (place, entries)) in std::mem::take(&mut self.sections) {
            if !self.asked.iter().any(|(known, _)| *known == section) {
                let known: BTreeSet<_> = self.asked.iter().map(|(section, _)| *section).collect();
                let remedy = nearest(&section, &known).map_or_else(
                    || format!("the sections are {}", known.iter().copied().collect::<Vec<_>>().join(", ")),
                    |meant| format!("did you mean [{meant}]?"),
                );
                self.complain(place, format!("the section [{section}] is unknown: {remedy}"));
                continue;
            }
            for (key, Entry { place, .. }) in entries {
                let remedy = self.remedy_for_unknown(&section, &key);
                self.complain(place, format!("{section}.{key} is unknown: {remedy}"));
            }
        }
        (self.complaints, self.set)
    }

    fn remedy_for_unknown(&self, section: &str, key: &str) -> String {
        let known: BTreeSet<_> = self.asked.iter().filter(|(s, _)| *s == section).map(|(_, k)| *k).collect();
        if let Some((elsewhere, _)) = self.asked.iter().find(|(_, k)| *k == key) {
            format!("did you mean {elsewhere}.{key}?")
        } else if let Some(meant) = nearest(key, &known) {
            format!("did you mean {section}.{meant}?")
        } else {
            format!("the keys of [{section}] are {}", known.into_iter().collect::<Vec<_>>().join(", "))
        }
    }

    /// All keys that were asked for.
    pub(super) fn asked(self) -> Vec<String> {
        self.asked.iter().map(|(section, key)| format!("{section}.{key}")).collect()
    }
}

/// Where something stands in a file.
struct Lines<'a> {
    path: Option<&'a Path>,
    text: &'a str,
}

impl Lines<'_> {
    fn place(&self, span: &Range<usize>) -> String {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        self.path.map_or_else(|| format!("line {line}"), |path| format!("{}:{line}", path.display()))
    }
}

fn nearest<'a>(word: &str, known: &BTreeSet<&'a str>) -> Option<&'a str> {
    let alike = |known: &&'a str| strsim::jaro(word, known);
    known
        .iter()
        .copied()
        .filter(|k| alike(k) > MIN_TYPO_SIMILARITY)
        .max_by(|a, b| alike(a).total_cmp(&alike(b)))
}
