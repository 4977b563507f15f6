//! Reads the configuration: the file, then the environment, which overrides it. Knows nothing of single keys.

use std::io::ErrorKind;
use std::path::Path;

use super::document;
use super::error::ConfigError;
use super::files::DEFAULT_PATH;
use super::schema::Config;
use super::sections;

impl Config {
    /// Reads the file and then the environment. Without an explicit file it is [`DEFAULT_PATH`], which may be absent
    /// when the environment holds the configuration.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] if the file can't be read, [`ConfigError::Invalid`] if it or the environment is wrong.
    pub fn load(explicit: Option<&Path>) -> Result<Self, ConfigError> {
        let environment = document::environment()?;
        let path = explicit.unwrap_or(Path::new(DEFAULT_PATH));
        match std::fs::read_to_string(path) {
            Ok(text) => sections::read(&text, Some(path), environment.into_iter()),
            Err(e) if e.kind() == ErrorKind::NotFound && explicit.is_none() && !environment.is_empty() => {
                sections::read("", None, environment.into_iter())
            }
            Err(source) => Err(ConfigError::Unreadable { path: path.to_owned(), source }),
        }
    }

    /// Reads the text of a file and then variables: those of `env` that are named `MUC_INVITE_RELAY__SECTION__KEY`.
    /// Other variables are ignored.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`], with everything that is wrong.
    pub fn from_toml(text: &str, env: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        sections::read(text, None, env)
    }

    /// All keys, as `section.key`; `groups.*` stands for the names that operators choose.
    #[must_use]
    pub fn keys() -> Vec<String> {
        sections::keys()
    }
}
