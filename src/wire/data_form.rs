//! XEP-0004 data forms: to be filled in, filled in, and as results. Knows their shape, not what they are about.

use xso::{AsXml, FromXml};

use super::ns;
use super::xml::{First, strip_forbidden, without_forbidden};

/// `<x/>` of `jabber:x:data`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::DATA_FORMS, name = "x", discard(text))]
pub struct Form {
    /// `form`, `submit`, `cancel`, `result`.
    #[xml(attribute(name = "type", default))]
    pub type_: Option<String>,
    /// The title.
    #[xml(extract(n = .., name = "title", fields(text(type_ = String))))]
    pub title: First<String>,
    /// The instructions; of several paragraphs the first.
    #[xml(extract(n = .., name = "instructions", fields(text(type_ = String))))]
    pub instructions: First<String>,
    /// The fields.
    #[xml(child(n = ..))]
    pub fields: Vec<Field>,
}

impl Form {
    /// A form to be filled in.
    #[must_use]
    pub fn to_fill_in(title: &str, instructions: &str, fields: Vec<Field>) -> Self {
        let instructions = (!instructions.is_empty()).then(|| without_forbidden(instructions));
        Self { instructions: instructions.into(), ..Self::new("form", title, fields) }
    }

    /// A form that shows a result.
    #[must_use]
    pub fn result(title: &str, fields: Vec<Field>) -> Self {
        Self::new("result", title, fields)
    }

    fn new(type_: &str, title: &str, fields: Vec<Field>) -> Self {
        Self {
            type_: Some(type_.to_owned()),
            title: title.to_owned().into(),
            fields,
            instructions: None.into(),
        }
    }

    /// The values of a field; none if the field is absent. Some clients omit a field without a value.
    pub fn values(&self, var: &str) -> impl Iterator<Item = &str> {
        let named = self.fields.iter().filter(move |field| field.var.as_deref() == Some(var));
        named.flat_map(|field| &field.values).map(String::as_str)
    }
}

/// `<field/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::DATA_FORMS, name = "field", discard(text))]
pub struct Field {
    /// Its name.
    #[xml(attribute(default))]
    pub var: Option<String>,
    /// The type, such as `hidden` or `list-single`; often absent in a form that was filled in.
    #[xml(attribute(name = "type", default))]
    pub type_: Option<String>,
    /// The label for people.
    #[xml(attribute(default))]
    pub label: Option<String>,
    /// The values.
    #[xml(extract(n = .., name = "value", fields(text(type_ = String))))]
    pub values: Vec<String>,
    /// The values that can be chosen.
    #[xml(child(n = ..))]
    pub options: Vec<Choice>,
}

impl Field {
    /// A line of text.
    #[must_use]
    pub fn line(var: &str, label: &str, value: &str) -> Self {
        Self::new("text-single", var, label, vec![value.to_owned()])
    }

    /// Several lines of text, to be filled in.
    #[must_use]
    pub fn lines(var: &str, label: &str, values: Vec<String>) -> Self {
        Self::new("text-multi", var, label, values)
    }

    /// A field for each of these lines, to be read: not every client shows a field of several lines. The first has this name
    /// and this label, the others are numbered.
    #[must_use]
    pub fn each_line(var: &str, label: &str, lines: Vec<String>) -> Vec<Self> {
        let field = |(number, line): (usize, String)| match number {
            1 => Self::line(var, label, &line),
            _ => Self::line(&format!("{var}-{number}"), &number.to_string(), &line),
        };
        (1..).zip(lines).map(field).collect()
    }

    /// A choice of one value: `chosen`, or the first option.
    #[must_use]
    pub fn choice(var: &str, label: &str, options: Vec<Choice>, chosen: Option<&str>) -> Self {
        let first = || options.first().and_then(|option| option.value.as_deref());
        let values = chosen.or_else(first).map(str::to_owned).into_iter().collect();
        Self { options, ..Self::new("list-single", var, label, values) }
    }

    fn new(type_: &str, var: &str, label: &str, mut values: Vec<String>) -> Self {
        values.iter_mut().for_each(strip_forbidden);
        Self {
            var: Some(var.to_owned()),
            type_: Some(type_.to_owned()),
            label: Some(label.to_owned()),
            values,
            options: Vec::new(),
        }
    }
}

/// `<option/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::DATA_FORMS, name = "option", discard(text))]
pub struct Choice {
    /// The label for people.
    #[xml(attribute(default))]
    pub label: Option<String>,
    /// The value; never empty, because not every client can choose an empty one.
    #[xml(extract(n = .., name = "value", fields(text(type_ = String))))]
    pub value: First<String>,
}

impl Choice {
    /// An option of a choice.
    #[must_use]
    pub fn new(value: &str, label: &str) -> Self {
        Self { label: Some(without_forbidden(label)), value: without_forbidden(value).into() }
    }
}
