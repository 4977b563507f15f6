//! What makes and ends a room: entering it (XEP-0045 §7.2), and muc#owner (§10). Knows the shape of the elements;
//! [`super::muc`] writes the stanzas.

use xso::{AsXml, FromXml};

use super::data_form::Form;
use super::ns;
use super::xml::First;

/// `<x/>` of muc: the presence with it enters a room.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::MUC, name = "x", discard(text))]
pub struct Join;

/// `<query/>` of muc#owner.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::MUC_OWNER, name = "query", discard(text))]
pub struct MucOwner {
    /// The configuration; a submitted form without fields accepts the default (§10.1.2).
    #[xml(child(n = ..))]
    pub form: First<Form>,
    /// The room is to be destroyed (§10.9).
    #[xml(child(n = ..))]
    pub destroy: First<Destroy>,
}

/// `<destroy/>` of muc#owner.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::MUC_OWNER, name = "destroy", discard(text))]
pub struct Destroy;
