//! For `fuzz/`: what people fill in, without a journal.

use std::collections::BTreeSet;

use super::blocks;
use super::dispatch::Draft;
use crate::model::Change;
use crate::wire::data_form::{Field, Form};

/// What a form that somebody has filled in changes of what they block, and the fields of the next page.
#[must_use]
pub fn filled_in(form: &Form, component: &str) -> (Option<Result<Vec<Change>, String>>, Vec<Field>) {
    let mut draft = Draft::default();
    let changes = draft.absorb(form).is_ok().then(|| blocks::changes(&draft, component));
    (changes, blocks::fields(&BTreeSet::from(["eve@example.org".to_owned()]), &draft))
}
