//! Errors of a stanza (RFC 6120 §8.3) and of the whole stream (§4.9). Knows the conditions, not what to do about them.

use std::fmt;

use xso::{AsXml, FromXml};

use super::ns;
use super::xml::{First, named_element, words};

words! {
    /// Why a stanza failed (RFC 6120 §8.3.3).
    pub enum Condition {
        BadRequest = "bad-request",
        Conflict = "conflict",
        FeatureNotImplemented = "feature-not-implemented",
        Forbidden = "forbidden",
        Gone = "gone",
        InternalServerError = "internal-server-error",
        ItemNotFound = "item-not-found",
        JidMalformed = "jid-malformed",
        NotAcceptable = "not-acceptable",
        NotAllowed = "not-allowed",
        NotAuthorized = "not-authorized",
        PolicyViolation = "policy-violation",
        RecipientUnavailable = "recipient-unavailable",
        Redirect = "redirect",
        RegistrationRequired = "registration-required",
        RemoteServerNotFound = "remote-server-not-found",
        RemoteServerTimeout = "remote-server-timeout",
        ResourceConstraint = "resource-constraint",
        ServiceUnavailable = "service-unavailable",
        SubscriptionRequired = "subscription-required",
        UndefinedCondition = "undefined-condition",
        UnexpectedRequest = "unexpected-request",
    }
}

named_element!(Condition, ns::STANZA_ERRORS, Condition::from_name);

impl Condition {
    /// An unknown condition is read as `undefined-condition` (RFC 6120 §8.3.3.21). `<text/>` is not a condition.
    fn from_name(name: &str) -> Option<Self> {
        (name != "text").then(|| Self::from_word(name).unwrap_or(Self::UndefinedCondition))
    }

    /// The error type that RFC 6120 §8.3.3 recommends with this condition.
    #[must_use]
    pub const fn error_type(self) -> &'static str {
        match self {
            Self::BadRequest
            | Self::JidMalformed
            | Self::NotAcceptable
            | Self::PolicyViolation
            | Self::Redirect => "modify",
            Self::Forbidden
            | Self::NotAuthorized
            | Self::RegistrationRequired
            | Self::SubscriptionRequired => "auth",
            Self::RecipientUnavailable
            | Self::RemoteServerTimeout
            | Self::ResourceConstraint
            | Self::UnexpectedRequest => "wait",
            _ => "cancel",
        }
    }
}

/// `<error/>` in a stanza (RFC 6120 §8.3).
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::COMPONENT, name = "error", discard(text))]
pub struct StanzaError {
    /// What the sender may do about it: `auth`, `cancel`, `continue`, `modify`, `wait`.
    #[xml(attribute(name = "type", default))]
    pub type_: Option<String>,
    /// The condition.
    #[xml(child(n = ..))]
    pub condition: First<Condition>,
    /// A text for people.
    #[xml(extract(n = .., namespace = ns::STANZA_ERRORS, name = "text", fields(text(type_ = String))))]
    pub text: First<String>,
    /// The condition of XEP-0050 §4.4, in answers to commands.
    #[xml(child(n = ..))]
    pub refusal: First<Refusal>,
}

impl StanzaError {
    /// An error with the type that goes with its condition.
    #[must_use]
    pub fn new(condition: Condition, text: Option<&str>) -> Self {
        Self {
            type_: Some(condition.error_type().to_owned()),
            condition: condition.into(),
            text: text.map(str::to_owned).into(),
            ..Self::default()
        }
    }
}

words! {
    /// Why a command can't be executed (XEP-0050 §4.4). Stands in an error beside its condition.
    pub enum Refusal {
        MalformedAction = "malformed-action",
        BadAction = "bad-action",
        BadLocale = "bad-locale",
        BadPayload = "bad-payload",
        BadSessionid = "bad-sessionid",
        SessionExpired = "session-expired",
    }
}

named_element!(Refusal, ns::COMMANDS, Refusal::from_word);

impl From<Refusal> for StanzaError {
    fn from(refusal: Refusal) -> Self {
        let condition = match refusal {
            Refusal::SessionExpired => Condition::NotAllowed,
            _ => Condition::BadRequest,
        };
        Self { refusal: refusal.into(), ..Self::new(condition, None) }
    }
}

impl fmt::Display for StanzaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.condition.map_or("an error without a condition", Condition::as_str))?;
        self.text.as_ref().map_or(Ok(()), |text| write!(f, ": {text:?}"))
    }
}

/// `<stream:error/>`: the server ends the stream (RFC 6120 §4.9).
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::STREAM, name = "error", discard(text))]
pub struct StreamError {
    /// The condition.
    #[xml(child(n = ..))]
    pub condition: First<StreamCondition>,
    /// A text for people.
    #[xml(extract(n = .., namespace = ns::STREAM_ERRORS, name = "text", fields(text(type_ = String))))]
    pub text: First<String>,
}

impl StreamError {
    /// The name of the condition, such as `not-authorized` or `conflict`.
    #[must_use]
    pub fn condition(&self) -> &str {
        self.condition.as_ref().map_or("undefined-condition", StreamCondition::as_str)
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.condition())?;
        self.text.as_ref().map_or(Ok(()), |text| write!(f, ": {text:?}"))
    }
}

/// The condition of a stream error (RFC 6120 §4.9.3), whatever its name.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamCondition(String);

named_element!(StreamCondition, ns::STREAM_ERRORS, StreamCondition::from_name);

impl StreamCondition {
    fn from_name(name: &str) -> Option<Self> {
        (name != "text").then(|| Self(name.to_owned()))
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}
