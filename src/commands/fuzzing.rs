//! For `fuzz/`: what people fill in, without a journal.

use std::collections::BTreeSet;

use super::blocks;
use super::draft::Draft;
use crate::model::{Change, Language};
use crate::wire::data_form::{Field, Form};

/// The changes to the blocked addresses that a form asks for, and the fields of the next page.
#[must_use]
pub fn filled_in(form: &Form, component: &str) -> (Option<Result<Vec<Change>, String>>, Vec<Field>) {
    let mut draft = Draft::default();
    let changes =
        draft.absorb(form).is_ok().then(|| blocks::changes(Language::English, &draft, component, |_| false));
    (changes, blocks::fields(Language::English, &BTreeSet::from(["eve@example.org".to_owned()]), &draft))
}
