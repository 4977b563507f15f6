//! Compares ejabberd's configuration with what `setup` prints, option by option, for each of its hosts. Knows nothing of how
//! YAML is read and written.

mod access;
mod comparison;
mod listener;
mod modules;
mod rules;

use std::path::Path;

use self::comparison::Comparison;
use super::gap::{Gap, ReadError};
use super::yaml;
use crate::setup::printed::{Guesses, Make, Setup, Version};

pub(super) fn missing(
    setup: &Setup,
    version: Option<Version>,
    file: &Path,
) -> Result<(Vec<Gap>, Vec<String>), ReadError> {
    let mut unseen = Vec::new();
    let existing = yaml::read(file, version, &mut unseen)?;
    let printed = setup.text(Make::Ejabberd, version, Guesses::AsSections);
    let wanted = yaml::read_text(&printed, Path::new("setup"))?;
    let mut comparison = Comparison::new(setup, &existing, &wanted, unseen);
    comparison.listener();
    comparison.modules();
    comparison.rules();
    Ok(comparison.finish())
}
