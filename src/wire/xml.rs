//! Small tools on which the stanza types stand: children that should stand once, words, elements that are only a
//! name, and stanzas inside stanzas. Knows XML and xso, nothing of XMPP's extensions.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use rxml::{AttrMap, Event, Namespace, NcName, NcNameStr, QName};
use xso::error::{Error, FromEventsError};
use xso::fromxml::{Discard, XmlNameMatcher};
use xso::{AsXml, AsXmlText, Context, FromEventsBuilder, FromXml, FromXmlText, Item, TextCodec};

/// A child that should stand once: of several, the first counts.
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

/// A room's password. Its `Debug` shows none of it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps a password, or nothing if it is empty (XEP-0249: the same as none).
    #[must_use]
    pub fn new(password: String) -> Option<Self> {
        (!password.is_empty()).then_some(Self(password))
    }

    /// The password itself, for the stanza or the journal.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl FromXmlText for Password {
    fn from_xml_text(text: String) -> Result<Self, Error> {
        Ok(Self(text))
    }
}

impl AsXmlText for Password {
    fn as_xml_text(&self) -> Result<Cow<'_, str>, Error> {
        Ok(Cow::Borrowed(&self.0))
    }
}

/// Whether XML 1.0 can carry this text at all (§2.2, production `Char`).
#[must_use]
pub fn is_xml_text(text: &str) -> bool {
    text.chars().all(is_xml_char)
}

/// Removes what XML 1.0 can't carry, not even escaped: one such character would make the stream unusable.
pub fn strip_forbidden(text: &mut String) {
    text.retain(is_xml_char);
}

/// What is left of a text after [`strip_forbidden`].
#[must_use]
pub fn without_forbidden(text: &str) -> String {
    text.chars().filter(|c| is_xml_char(*c)).collect()
}

fn is_xml_char(c: char) -> bool {
    // `char` has no surrogates, so these are all that production `Char` leaves out.
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Codec of an attribute with a known set of words; any other word is read as `None`.
pub(crate) struct Word;

/// Codec of a boolean: `true` and `1` are true (XML Schema has four spellings), all else is false. Written only when true.
pub(crate) struct Flag;

impl TextCodec<bool> for Flag {
    fn decode(&self, text: String) -> Result<bool, Error> {
        Ok(matches!(text.trim(), "true" | "1"))
    }

    fn encode<'x>(&self, value: &'x bool) -> Result<Option<Cow<'x, str>>, Error> {
        Ok(value.then_some(Cow::Borrowed("true")))
    }
}

/// Declares an enum with a word on the wire for each variant, readable as an attribute with the codec [`Word`].
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`")] $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// What a word on the wire means, if it is one of ours.
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

/// Makes a type an element of the given namespace whose name is all it says. `$read` turns a name into the value
/// (`None`: not an element of ours), the type's `as_str` gives the name back.
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

/// Builder of an element of which only the start tag counts: whatever is inside is passed over.
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

/// A pair of namespaces of which one stands for the other.
pub trait Translation {
    /// The namespace on the wire.
    const WIRE: &'static str;
    /// The namespace that the translated type knows.
    const OURS: &'static str;
}

/// A `T` that stands on the wire in another namespace than the one it is declared with.
///
/// While it is read, elements of the wire's namespace are renamed at every level. So a `Translated` inside a
/// `Translated` of the same kind is never found, and stanzas within stanzas within stanzas can't nest the stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated<T, N> {
    inner: Box<T>,
    namespaces: PhantomData<N>,
}

impl<T, N> Translated<T, N> {
    /// Puts a value into the other namespace.
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
            // The next one asked must see the name as it stands on the wire.
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

/// Whether a name is the given one.
pub(crate) fn is_named((namespace, name): &QName, in_namespace: &str, names: &[&str]) -> bool {
    let name: &NcName = name;
    *namespace == in_namespace && names.contains(&name.as_str())
}
