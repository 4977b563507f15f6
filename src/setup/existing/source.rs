//! A text of YAML by its lines, and where a value stands in it. Knows nothing of what the values are.

use std::ops::Range;
use std::sync::Arc;

use super::place::Place;

/// The text of one file.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: Place,
    pub(super) text: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Scalar,
    BlockMapping,
    BlockList,
    FlowMapping,
    FlowList,
    /// The only entry of a mapping without braces, in a list with brackets.
    Pair,
}

/// Where a value is written, without anchor and tag, and how.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub(super) source: Arc<Source>,
    /// From its first character to behind its last one. Empty if nothing is written.
    pub(super) range: Range<usize>,
    pub(super) style: Style,
    /// Its key, if it is the value of one.
    pub(super) key: Option<Range<usize>>,
    /// Whether it is within braces or brackets.
    pub(super) in_flow: bool,
    /// Whether other parts of the text may name it, or something in it.
    pub(super) anchored: bool,
}

impl Source {
    pub(super) fn new(file: Place, text: String) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file, text, lines }
    }

    /// The place of a line (counted from 1) and a column (from 0, in characters).
    pub(super) fn offset(&self, line: usize, column: usize) -> usize {
        let start = self.start_of(line.saturating_sub(1));
        let rest = self.text.get(start..).unwrap_or_default();
        start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
    }

    /// The line of a place, counted from 0.
    pub(super) fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// Where a line begins; behind the last one the end of the text.
    pub(super) fn start_of(&self, line: usize) -> usize {
        self.lines.get(line).copied().unwrap_or(self.text.len())
    }

    /// A line without its end.
    pub(super) fn line(&self, line: usize) -> &str {
        self.between(self.start_of(line)..self.start_of(line + 1)).trim_end_matches(['\n', '\r'])
    }

    pub(super) fn between(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// How many characters stand before it on its line.
    pub(super) fn column(&self, at: usize) -> usize {
        self.before(at).chars().count()
    }

    /// What stands before it on its line.
    pub(super) fn before(&self, at: usize) -> &str {
        self.between(self.start_of(self.line_of(at))..at)
    }

    /// What stands behind it on its line.
    pub(super) fn behind(&self, at: usize) -> &str {
        self.between(at..self.start_of(self.line_of(at) + 1)).trim_end_matches(['\n', '\r'])
    }

    /// The first place from here on that is neither white space nor in a comment.
    pub(super) fn past_blank(&self, mut at: usize) -> usize {
        loop {
            let rest = self.between(at..self.text.len());
            at += rest.len() - rest.trim_start().len();
            let is_after_blank = self.between(0..at).chars().next_back().is_none_or(char::is_whitespace);
            if !(is_after_blank && rest.trim_start().starts_with('#')) {
                return at;
            }
            at = self.start_of(self.line_of(at) + 1);
        }
    }

    /// Past anchors and tags, and the anchor's name.
    pub(super) fn past_properties(&self, mut at: usize) -> (usize, Option<&str>) {
        let mut anchor = None;
        while let Some(rest) = self.text.get(at..).filter(|rest| rest.starts_with(['&', '!'])) {
            let word = word_of(rest);
            anchor = word.strip_prefix('&').or(anchor);
            at = self.past_blank(at + word.len());
        }
        (at, anchor)
    }

    /// The first of the comments and empty lines right above a line, or the line itself.
    pub(super) fn above_comments(&self, mut line: usize) -> usize {
        while line > 0 && matches!(self.line(line - 1).trim_start().chars().next(), None | Some('#')) {
            line -= 1;
        }
        line
    }

    /// By how much this text indents what is below a key.
    pub(super) fn step(&self) -> usize {
        let mut above: Option<usize> = None;
        for line in self.text.lines().map(str::trim_end) {
            let content = line.trim_start();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let indentation = line.len() - content.len();
            if let Some(step) =
                above.and_then(|above| indentation.checked_sub(above)).filter(|step| *step > 0)
            {
                return step.min(8);
            }
            above = content.ends_with(':').then_some(indentation);
        }
        2
    }

    /// Whether more can be added at the end: the document does not end before, and no other one follows.
    pub(super) fn can_grow(&self) -> bool {
        let begun = self
            .text
            .lines()
            .skip_while(|line| matches!(line.trim_start().chars().next(), None | Some('#' | '%')));
        !begun.skip(1).any(|line| line.starts_with("---") || line.starts_with("..."))
    }
}

/// The word at the beginning of a text: an alias, an anchor, or a tag.
pub(super) fn word_of(text: &str) -> &str {
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}')).next().unwrap_or(text)
}

impl Spot {
    pub(super) fn text(&self) -> &str {
        self.source.between(self.range.clone())
    }

    /// Whether there is nothing in its brackets or braces.
    pub(super) fn is_empty(&self) -> bool {
        self.source.past_blank(self.range.start + 1) + 1 >= self.range.end
    }
}
