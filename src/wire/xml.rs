//! Tools for the stanza types: children that should occur once, words of a fixed set, elements that consist of a name, and
//! stanzas inside stanzas. Knows XML and xso, nothing of XMPP's extensions.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use rxml::{AttrMap, Event, Namespace, NcName, NcNameStr, QName};
use xso::error::{Error, FromEventsError};
use xso::fromxml::{Discard, XmlNameMatcher};
use xso::{AsXml, Context, FromEventsBuilder, FromXml, Item, TextCodec};

/// A child that should occur once: of several, the first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct First<T>(pub Option<T>);

impl<T> Default for First<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Deref for First<T> {
    type Target = Option<T>;

    fn deref(&self) -> &Option<T> {
        &self.0
    }
}

impl<T> From<T> for First<T> {
    fn from(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T> From<Option<T>> for First<T> {
    fn from(value: Option<T>) -> Self {
        Self(value)
    }
}

impl<T> Extend<T> for First<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        for value in values {
            self.0.get_or_insert(value);
        }
    }
}

impl<T> IntoIterator for First<T> {
    type Item = T;
    type IntoIter = std::option::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a First<T> {
    type Item = &'a T;
    type IntoIter = std::option::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// Whether XML 1.0 allows all characters of this text (§2.2, production `Char`).
#[must_use]
pub fn is_xml_text(text: &str) -> bool {
    text.chars().all(is_xml_char)
}

/// Removes the characters that XML 1.0 forbids even as references: a single one would end the stream.
pub fn strip_forbidden(text: &mut String) {
    text.retain(is_xml_char);
}

/// The text without what [`strip_forbidden`] removes.
#[must_use]
pub fn without_forbidden(text: &str) -> String {
    text.chars().filter(|c| is_xml_char(*c)).collect()
}

/// The text, or `None` if it is blank: a blank `<reason/>` or attribute means the same as an absent one.
pub(super) fn non_blank(text: Option<String>) -> Option<String> {
    text.filter(|text| text.chars().any(|c| !c.is_whitespace() && !is_invisible(c)))
}

/// Whether a character shows nothing, and takes no space. Some of them matter between others: in emoji, say.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// The bytes that a text takes in a stanza, at most: servers differ in what they escape, and how.
#[must_use]
pub fn length_as_written(text: &str) -> usize {
    let length = |c: char| match c {
        '"' | '\'' | '&' | '<' | '>' | '\t' | '\n' | '\r' => "&quot;".len(),
        c => c.len_utf8(),
    };
    text.chars().map(length).sum()
}

fn is_xml_char(c: char) -> bool {
    // `char` has no surrogates, so this is all that production `Char` excludes.
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Codec of an attribute with a fixed set of words; any other word is read as `None`.
pub(crate) struct Word;

/// Codec of a boolean attribute: `true` and `1` are true, everything else is false. Written only if it is true.
pub(crate) struct Flag;

impl TextCodec<bool> for Flag {
    fn decode(&self, text: String) -> Result<bool, Error> {
        Ok(matches!(text.trim(), "true" | "1"))
    }

    fn encode<'x>(&self, value: &'x bool) -> Result<Option<Cow<'x, str>>, Error> {
        Ok(value.then_some(Cow::Borrowed("true")))
    }
}

/// Declares an enum with a word for each variant, which can be an attribute's type with the codec [`Word`].
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`")] $variant,)+
        }

        impl $name {
            /// All variants.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word in the stanza.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The variant of a word; `None` for an unknown one.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl xso::TextCodec<Option<$name>> for $crate::wire::xml::Word {
            fn decode(&self, text: String) -> Result<Option<$name>, xso::error::Error> {
                Ok($name::from_word(&text))
            }

            fn encode<'x>(
                &self,
                value: &'x Option<$name>,
            ) -> Result<Option<std::borrow::Cow<'x, str>>, xso::error::Error> {
                Ok(value.map(|value| value.as_str().into()))
            }
        }
    };
}
pub(crate) use words;

/// Makes a type an element of a namespace that consists of its name. `$read` returns the value for a name (`None`: the
/// element is not read as this type), the type's `as_str` returns the name.
macro_rules! named_element {
    ($type:ty, $namespace:expr, $read:path) => {
        impl xso::FromXml for $type {
            type Builder = $crate::wire::xml::HeadOnly<Self>;

            fn from_events(
                name: rxml::QName,
                attrs: rxml::AttrMap,
                _: &xso::Context<'_>,
            ) -> Result<Self::Builder, xso::error::FromEventsError> {
                if name.0 == $namespace
                    && let Some(value) = $read(name.1.as_str())
                {
                    return Ok($crate::wire::xml::HeadOnly::new(value));
                }
                Err(xso::error::FromEventsError::Mismatch { name, attrs })
            }

            fn xml_name_matcher() -> xso::fromxml::XmlNameMatcher<'static> {
                xso::fromxml::XmlNameMatcher::InNamespace($namespace)
            }
        }

        impl xso::AsXml for $type {
            type ItemIter<'x> = $crate::wire::xml::EmptyElement<'x>;

            fn as_xml_iter(&self) -> Result<Self::ItemIter<'_>, xso::error::Error> {
                $crate::wire::xml::empty_element($namespace, self.as_str())
            }
        }
    };
}
pub(crate) use named_element;

/// Builder of an element of which only the start tag counts: the content is ignored.
pub struct HeadOnly<T> {
    value: Option<T>,
    content: Discard,
}

impl<T> HeadOnly<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Some(value), content: Discard::new() }
    }
}

impl<T> FromEventsBuilder for HeadOnly<T> {
    type Output = T;

    fn feed(&mut self, event: Event, context: &Context<'_>) -> Result<Option<T>, Error> {
        let ended = self.content.feed(event, context)?.is_some();
        Ok(if ended { self.value.take() } else { None })
    }
}

/// The two items of an element without attributes or content.
pub type EmptyElement<'x> = std::array::IntoIter<Result<Item<'x>, Error>, 2>;

pub(crate) fn empty_element<'x>(namespace: &'static str, name: &'x str) -> Result<EmptyElement<'x>, Error> {
    let name: &NcNameStr = name.try_into()?;
    let head = Item::ElementHeadStart(Namespace::from(namespace), Cow::Borrowed(name));
    Ok([Ok(head), Ok(Item::ElementFoot)].into_iter())
}

/// Takes an attribute out of a start tag.
pub(crate) fn take_attribute(attrs: &mut AttrMap, name: &str) -> Option<String> {
    attrs.remove(Namespace::none(), name)
}

/// A namespace in stanzas, and the one under which a type is declared.
pub trait Translation {
    /// The namespace in the stanza.
    const WIRE: &'static str;
    /// The namespace that the type is declared with.
    const OURS: &'static str;
}

/// A `T` that is written in another namespace than the one it is declared with.
///
/// While it is read, elements of the stanza's namespace are renamed at every level. So a `Translated` inside a
/// `Translated` of the same kind is never found, and the depth of nested stanzas is bounded by two.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated<T, N> {
    inner: Box<T>,
    namespaces: PhantomData<N>,
}

impl<T, N> Translated<T, N> {
    /// Wraps a value, which is then written in the other namespace.
    pub fn new(inner: T) -> Self {
        Self { inner: Box::new(inner), namespaces: PhantomData }
    }

    /// The value itself.
    #[must_use]
    pub fn into_inner(self) -> T {
        *self.inner
    }
}

impl<T, N> Deref for Translated<T, N> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T, N> DerefMut for Translated<T, N> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: FromXml, N: Translation> FromXml for Translated<T, N> {
    type Builder = TranslatedBuilder<T::Builder, N>;

    fn from_events(
        (namespace, name): QName,
        attrs: AttrMap,
        context: &Context<'_>,
    ) -> Result<Self::Builder, FromEventsError> {
        if namespace != N::WIRE {
            let name = (namespace, name);
            return Err(FromEventsError::Mismatch { name, attrs });
        }
        match T::from_events((Namespace::from(N::OURS), name), attrs, context) {
            Ok(builder) => Ok(TranslatedBuilder { inner: Box::new(builder), namespaces: PhantomData }),
            // The next type that is tried must see the original name.
            Err(FromEventsError::Mismatch { name, attrs }) => {
                Err(FromEventsError::Mismatch { name: (namespace, name.1), attrs })
            }
            Err(error) => Err(error),
        }
    }

    fn xml_name_matcher() -> XmlNameMatcher<'static> {
        XmlNameMatcher::InNamespace(N::WIRE)
    }
}

/// Builder of a [`Translated`] value.
pub struct TranslatedBuilder<B, N> {
    inner: Box<B>,
    namespaces: PhantomData<N>,
}

impl<B: FromEventsBuilder, N: Translation> FromEventsBuilder for TranslatedBuilder<B, N> {
    type Output = Translated<B::Output, N>;

    fn feed(&mut self, event: Event, context: &Context<'_>) -> Result<Option<Self::Output>, Error> {
        let event = match event {
            Event::StartElement(metrics, (namespace, name), attrs) if namespace == N::WIRE => {
                Event::StartElement(metrics, (Namespace::from(N::OURS), name), attrs)
            }
            event => event,
        };
        Ok(self.inner.feed(event, context)?.map(Translated::new))
    }
}

impl<T: AsXml, N: Translation> AsXml for Translated<T, N> {
    type ItemIter<'x>
        = TranslatedItems<'x, N>
    where
        Self: 'x;

    fn as_xml_iter(&self) -> Result<Self::ItemIter<'_>, Error> {
        Ok(TranslatedItems { inner: self.inner.as_xml_dyn_iter()?, namespaces: PhantomData })
    }
}

/// The items of a [`Translated`] value.
pub struct TranslatedItems<'x, N> {
    inner: Box<dyn Iterator<Item = Result<Item<'x>, Error>> + 'x>,
    namespaces: PhantomData<N>,
}

impl<'x, N: Translation> Iterator for TranslatedItems<'x, N> {
    type Item = Result<Item<'x>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.inner.next()? {
            Ok(Item::ElementHeadStart(namespace, name)) if namespace == N::OURS => {
                Ok(Item::ElementHeadStart(Namespace::from(N::WIRE), name))
            }
            item => item,
        })
    }
}

/// Whether this is the namespace and one of the names.
pub(crate) fn is_named((namespace, name): &QName, in_namespace: &str, names: &[&str]) -> bool {
    let name: &NcName = name;
    *namespace == in_namespace && names.contains(&name.as_str())
}
