//! The texts that people read: messages to inviters, forms, notes. For each language there is a file of them in `locales/`
//! (Project Fluent). Knows nothing of where a text is shown.

mod id;

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};

pub use self::id::Id;
use crate::model::Language;

/// What stands in a text for an argument: a text or a number.
pub use fluent_bundle::FluentValue as Value;

type Bundle = FluentBundle<FluentResource>;

/// Each is read when it is needed first.
static BUNDLES: [LazyLock<Bundle>; 5] = [
    LazyLock::new(|| bundle(Language::English)),
    LazyLock::new(|| bundle(Language::German)),
    LazyLock::new(|| bundle(Language::French)),
    LazyLock::new(|| bundle(Language::Spanish)),
    LazyLock::new(|| bundle(Language::Russian)),
];

const fn source(language: Language) -> &'static str {
    match language {
        Language::English => include_str!("locales/en.ftl"),
        Language::German => include_str!("locales/de.ftl"),
        Language::French => include_str!("locales/fr.ftl"),
        Language::Spanish => include_str!("locales/es.ftl"),
        Language::Russian => include_str!("locales/ru.ftl"),
    }
}

fn bundle(language: Language) -> Bundle {
    // That all of a file can be read, a test makes sure.
    let texts = FluentResource::try_new(source(language).to_owned()).unwrap_or_else(|(texts, _)| texts);
    let mut bundle = Bundle::new_concurrent(language.as_str().parse().into_iter().collect());
    // Marks around arguments would be copied together with an address, and some clients show them. All of the languages
    // are written in the same direction.
    bundle.set_use_isolating(false);
    bundle.add_resource_overriding(texts);
    bundle
}

/// A text without arguments.
#[must_use]
pub fn text(language: Language, id: Id) -> String {
    text_with(language, id, &[])
}

/// A text with its arguments: all of [`Id::arguments`].
#[must_use]
pub fn text_with(language: Language, id: Id, arguments: &[(&'static str, Value)]) -> String {
    debug_assert!(
        id.arguments().iter().all(|name| arguments.iter().any(|(given, _)| given == name)),
        "{id:?} lacks an argument"
    );
    let arguments: FluentArgs = arguments.iter().map(|(name, value)| (*name, value.clone())).collect();
    [language, Language::English]
        .into_iter()
        .find_map(|language| in_language(language, id, &arguments))
        .unwrap_or_else(|| id.as_str().to_owned())
}

fn in_language(language: Language, id: Id, arguments: &FluentArgs) -> Option<String> {
    let bundle = &BUNDLES[language as usize];
    let pattern = bundle.get_message(id.as_str())?.value()?;
    // An error leaves its mark in the text; a test makes sure that there is none.
    Some(bundle.format_pattern(pattern, Some(arguments), &mut Vec::new()).into_owned())
}

#[cfg(test)]
mod tests;
