//! The languages that texts for people are written in. Knows nothing of the texts.

use super::words::words;

/// A longer tag is not looked at (RFC 5646 §4.4.1).
const MAX_TAG_BYTES: usize = 35;

words! {
    /// A language that texts for people are written in, by its code (BCP 47).
    #[derive(Default)]
    Language {
        /// Also for people of whom it is not known.
        #[default]
        English = "en",
        /// German.
        German = "de",
        /// French.
        French = "fr",
        /// Spanish.
        Spanish = "es",
        /// Russian.
        Russian = "ru",
    }
}

impl Language {
    /// The language of a tag, which may name a script or a country as well: `de-AT` is German. `None` for all others.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let tag = Some(tag.trim()).filter(|tag| tag.len() <= MAX_TAG_BYTES)?;
        let code = tag.split(['-', '_']).next()?;
        Self::ALL.iter().copied().find(|language| language.as_str().eq_ignore_ascii_case(code))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("en", Some(Language::English))]
    #[case("de", Some(Language::German))]
    #[case("de-AT", Some(Language::German))]
    #[case("DE_ch-1996", Some(Language::German))]
    #[case("fr-Latn-CA", Some(Language::French))]
    #[case("es-419", Some(Language::Spanish))]
    #[case(" ru ", Some(Language::Russian))]
    #[case("tlh", None)]
    #[case("den", None)]
    #[case("", None)]
    #[case("-de", None)]
    #[case("de-x-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa", None)]
    fn the_language_of_a_tag(#[case] tag: &str, #[case] language: Option<Language>) {
        assert_eq!(Language::of_tag(tag), language);
    }
}
