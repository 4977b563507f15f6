//! Reads the configuration: the file, those beside it in `conf.d`, then the environment; each overrides what was read before.
//! Knows nothing of single keys.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::document::{self, Source};
use super::error::ConfigError;
use super::files::{self, DEFAULT_PATH, MORE_FILES};
use super::schema::Config;
use super::sections;

impl Config {
    /// Reads the file, then those of the folder `conf.d` beside it that end in `.toml`, in the order of their names, then the
    /// environment. Without an explicit file it is [`DEFAULT_PATH`], which may be absent when the rest holds the configuration.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] if a file can't be read, [`ConfigError::Invalid`] if one or the environment is wrong.
    pub fn load(explicit: Option<&Path>) -> Result<Self, ConfigError> {
        let environment = document::environment()?;
        let path = explicit.unwrap_or(Path::new(DEFAULT_PATH));
        let folder = path.with_file_name(MORE_FILES);
        let more = more_files(&folder).map_err(|source| ConfigError::Unreadable { path: folder, source })?;
        let may_be_absent = explicit.is_none() && !(environment.is_empty() && more.is_empty());
        let mut sources = Vec::with_capacity(more.len() + 1);
        for file in std::iter::once(path.to_owned()).chain(more) {
            match files::read(&file) {
                Ok(text) => sources.push(Source { path: Some(file), text }),
                Err(e) if e.kind() == ErrorKind::NotFound && may_be_absent && file == path => {}
                Err(source) => return Err(ConfigError::Unreadable { path: file, source }),
            }
        }
        sections::read(sources, environment.into_iter())
    }

    /// Reads the text of a file and then variables: those of `env` that are named `MUC_INVITE_RELAY__SECTION__KEY`.
    /// Other variables are ignored.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`], with everything that is wrong.
    pub fn from_toml(text: &str, env: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        sections::read(vec![Source { path: None, text: text.to_owned() }], env)
    }

    /// The folder of the files that are read after the first one, which need not be there.
    #[must_use]
    pub fn folder_of_more(&self) -> PathBuf {
        let of_default = Path::new(DEFAULT_PATH).with_file_name(MORE_FILES);
        match self.files.first() {
            // The file that is read by default may be absent.
            Some(first) if first.parent() != Some(&of_default) => first.with_file_name(MORE_FILES),
            _ => of_default,
        }
    }

    /// All keys, as `section.key`; `groups.*` stands for the names that operators choose.
    #[must_use]
    pub fn keys() -> Vec<String> {
        sections::keys()
    }
}

/// The files of the folder that end in `.toml` and are not hidden, in the order of their names; none if there is no folder.
fn more_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    files.retain(|file| {
        let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        name.ends_with(".toml") && !name.starts_with('.')
    });
    files.sort();
    Ok(files)
}
