//! Every language has every text, with the same arguments, and none is malformed.

use std::collections::{BTreeMap, BTreeSet};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};

use super::*;

/// The messages of a language, with the arguments that each of them uses, and with all that can be read in them.
fn messages(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let texts = FluentResource::try_new(source(language).to_owned())
        .unwrap_or_else(|(_, errors)| panic!("{language}: {errors:?}"));
    let mut messages = BTreeMap::new();
    for entry in texts.entries() {
        match entry {
            Entry::Message(message) => {
                let value =
                    message.value.as_ref().unwrap_or_else(|| panic!("{language}: {message:?} is empty"));
                assert!(message.attributes.is_empty(), "{language}: {message:?}");
                let mut arguments = BTreeSet::new();
                collect(value, &mut arguments);
                let before = messages.insert(message.id.name.to_owned(), arguments);
                assert!(before.is_none(), "{language}: {} stands twice", message.id.name);
            }
            Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => {}
            Entry::Term(_) | Entry::Junk { .. } => panic!("{language}: {entry:?}"),
        }
    }
    messages
}

fn collect(pattern: &Pattern<&str>, arguments: &mut BTreeSet<String>) {
    let mut note = |expression: &InlineExpression<&str>| match expression {
        InlineExpression::VariableReference { id } => drop(arguments.insert(id.name.to_owned())),
        other => panic!("only arguments are used here: {other:?}"),
    };
    let mut variants = Vec::new();
    for element in &pattern.elements {
        match element {
            PatternElement::Placeable { expression: Expression::Inline(inline) } => note(inline),
            PatternElement::Placeable { expression: Expression::Select { selector, variants: of } } => {
                note(selector);
                variants.extend(of.iter().map(|variant| &variant.value));
            }
            PatternElement::TextElement { .. } => {}
        }
    }
    for variant in variants {
        collect(variant, arguments);
    }
}

#[test]
fn every_language_has_every_text_with_its_arguments() {
    let expected: BTreeMap<String, BTreeSet<String>> = Id::ALL
        .iter()
        .map(|id| (id.as_str().to_owned(), id.arguments().iter().map(|it| (*it).to_owned()).collect()))
        .collect();
    assert_eq!(expected.len(), Id::ALL.len(), "an id stands twice");
    for language in Language::ALL {
        let found = messages(*language);
        for (id, arguments) in &expected {
            assert_eq!(found.get(id), Some(arguments), "{language}: {id}");
        }
        let more: Vec<_> = found.keys().filter(|id| !expected.contains_key(*id)).collect();
        assert!(more.is_empty(), "{language} has texts that nobody uses: {more:?}");
    }
}

#[test]
fn every_text_can_be_written_with_any_number() {
    for language in Language::ALL {
        for id in Id::ALL {
            let bundle = &BUNDLES[*language as usize];
            let pattern = bundle.get_message(id.as_str()).and_then(|it| it.value()).unwrap();
            for number in [0, 1, 2, 5, 11, 21, 1_000_000] {
                let value = |name: &&'static str| match *name {
                    "count" | "waiting" => (*name, Value::from(number)),
                    name => (name, Value::from(format!("<{name}>"))),
                };
                let arguments: FluentArgs = id.arguments().iter().map(value).collect();
                let mut errors = Vec::new();
                let text = bundle.format_pattern(pattern, Some(&arguments), &mut errors);
                assert!(errors.is_empty(), "{language}: {id:?}: {errors:?}");
                assert!(
                    !text.trim().is_empty() && !text.contains(['{', '}', '\u{2068}', '\u{2069}']),
                    "{text}"
                );
                assert!(
                    text.trim() == text && !text.contains(['\n', '\t']) && !text.contains("  "),
                    "{text:?}"
                );
            }
        }
    }
}

/// No text was left in English: where two languages say the same, it is known here.
#[test]
fn no_text_is_left_in_english() {
    let same = [];
    for language in Language::ALL.iter().filter(|language| **language != Language::English) {
        for id in Id::ALL {
            let of = |language: Language| {
                let arguments: FluentArgs =
                    id.arguments().iter().map(|name| (*name, Value::from("x"))).collect();
                in_language(language, *id, &arguments).unwrap()
            };
            assert!(
                of(*language) != of(Language::English) || same.contains(&(*language, *id)),
                "{language}: {id:?}"
            );
        }
    }
}

#[test]
fn numbers_have_the_right_forms() {
    use Language as L;
    for (language, count, text) in [
        (L::English, 1, "1 invited"),
        (L::German, 1, "1 eingeladen"),
        (L::French, 0, "0 personne invitée"),
        (L::French, 2, "2 personnes invitées"),
        (L::Spanish, 1, "1 persona invitada"),
        (L::Spanish, 2, "2 personas invitadas"),
        (L::Russian, 1, "приглашён 1 человек"),
        (L::Russian, 2, "приглашены 2 человека"),
        (L::Russian, 5, "приглашено 5 человек"),
        (L::Russian, 11, "приглашено 11 человек"),
        (L::Russian, 21, "приглашён 21 человек"),
        (L::Russian, 1234, "приглашены 1234 человека"),
    ] {
        assert_eq!(text_with(language, Id::SumInvited, &[("count", count.into())]), text);
    }
}

#[test]
fn arguments_stand_as_they_are() {
    let contact = "{ $room } \\u0041 bob\\40example.org@invites.example.org";
    let arguments = [("contact", contact.into()), ("room", "tea@c".into())];
    let text = text_with(Language::English, Id::ToldDeclined, &arguments);
    assert_eq!(text, format!("{contact} declined your invitation to tea@c."));
}
