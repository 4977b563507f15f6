//! What a person has filled in so far. Knows nothing of what the fields mean.

use std::collections::HashMap;

use super::outcome::Failure;
use crate::wire::data_form::Form;
use crate::wire::error::Refusal;

/// The most bytes that a person can fill in: about 200 addresses of a usual length.
const MAX_FORM_BYTES: usize = 16_000;

/// The values of the fields that have been filled in, by the fields' names.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft(HashMap<String, Vec<String>>);

impl Draft {
    /// Values that are not from a form.
    pub(super) fn of_fields(fields: Vec<(&str, Vec<String>)>) -> Self {
        Self(fields.into_iter().map(|(var, values)| (var.to_owned(), values)).collect())
    }

    /// The values of a field; `None` if it has not been filled in.
    pub(super) fn values(&self, var: &str) -> Option<&[String]> {
        self.0.get(var).map(Vec::as_slice)
    }

    /// The first value of a field.
    pub(super) fn first(&self, var: &str) -> Option<&str> {
        self.values(var)?.first().map(String::as_str)
    }

    /// The values of a field in one line, to be shown again.
    pub(super) fn line(&self, var: &str) -> String {
        self.values(var).unwrap_or_default().join(" ")
    }

    /// The words of a field in which a person types several: spaces, commas and semicolons are between them.
    pub(super) fn words(&self, var: &str) -> impl Iterator<Item = &str> {
        let values = self.values(var).unwrap_or_default().iter();
        let words = values.flat_map(|text| text.split(|c: char| c.is_whitespace() || ",;".contains(c)));
        words.filter(|word| !word.is_empty())
    }

    /// Takes over the fields of a form, in place of what they had.
    ///
    /// # Errors
    /// [`Refusal::BadPayload`] if all fields together are longer than [`MAX_FORM_BYTES`].
    pub(super) fn absorb(&mut self, form: &Form) -> Result<(), Failure> {
        for field in &form.fields {
            if let Some(var) = &field.var {
                self.0.insert(var.clone(), field.values.clone());
            }
        }
        let size = |(var, values): (&String, &Vec<String>)| {
            var.len() + values.iter().map(|it| it.len() + 1).sum::<usize>()
        };
        if self.0.iter().map(size).sum::<usize>() > MAX_FORM_BYTES {
            return Err(Refusal::BadPayload.into());
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn of(filled_in: &[(&str, &[&str])]) -> Self {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Self(filled_in.iter().map(|(var, values)| ((*var).to_owned(), owned(values))).collect())
    }
}
