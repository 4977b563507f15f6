//! Formats the time and the fields of a line of the log: the same text as tracing-subscriber makes of them, at a third of the cost.
//! Nearly all fields are plain texts without colours, and the second is the same as in the line before. Knows nothing of what is
//! logged.

use std::error::Error;
use std::fmt::{self, Debug};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use tracing::field::{Field, Visit};
use tracing_subscriber::field::{RecordFields, VisitOutput};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};
use tracing_subscriber::fmt::time::FormatTime;

/// The time in UTC, to the microsecond (RFC 3339).
#[derive(Default)]
pub(super) struct Time(Mutex<Second>);

/// A second, and its text.
#[derive(Default)]
struct Second {
    /// Since 1970.
    second: u64,
    text: String,
}

impl FormatTime for Time {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        self.format(SystemTime::now(), to)
    }
}

impl Time {
    fn format(&self, now: SystemTime, to: &mut Writer<'_>) -> fmt::Result {
        let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.second != since_1970.as_secs() || known.text.is_empty() {
            let text = DateTime::<Utc>::from(now).format("%Y-%m-%dT%H:%M:%S").to_string();
            *known = Second { second: since_1970.as_secs(), text };
        }
        write!(to, "{}.{:06}Z", known.text, since_1970.subsec_micros())
    }
}

/// Begins the names of fields that are not shown: the crate `log` has told what stands in them otherwise.
const NOT_SHOWN: &str = "log.";

/// The format of fields.
pub(super) struct Fields;

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(&self, to: Writer<'writer>, fields: R) -> fmt::Result {
        let mut line = Line { to, is_empty: true, written: Ok(()) };
        fields.record(&mut line);
        line.written
    }
}

/// The fields that have been written so far.
struct Line<'a> {
    to: Writer<'a>,
    is_empty: bool,
    written: fmt::Result,
}

impl Line<'_> {
    /// Has tracing-subscriber write a field.
    fn other(&mut self, field: &Field, record: impl FnOnce(&mut DefaultVisitor<'_>)) {
        if self.written.is_ok() {
            let mut visitor = DefaultVisitor::new(self.to.by_ref(), self.is_empty);
            record(&mut visitor);
            self.written = visitor.finish();
            self.is_empty &= field.name().starts_with(NOT_SHOWN);
        }
    }

    /// Whether nothing but the name and the value is to be written. The message has no name, and a terminal shows names in colours.
    fn is_plain(&self, field: &Field) -> bool {
        let name = field.name();
        !(name == "message"
            || name.starts_with(NOT_SHOWN)
            || name.starts_with("r#")
            || self.to.has_ansi_escapes())
    }

    fn name(&mut self, field: &Field) -> fmt::Result {
        let pad = if std::mem::take(&mut self.is_empty) { "" } else { " " };
        for part in [pad, field.name(), "="] {
            self.to.write_str(part)?;
        }
        Ok(())
    }

    fn quoted(&mut self, field: &Field, mut value: &str) -> fmt::Result {
        self.name(field)?;
        self.to.write_char('"')?;
        while let Some(at) = memchr::memchr2(b'"', b'\\', value.as_bytes()) {
            self.to.write_str(&value[..at])?;
            self.to.write_char('\\')?;
            self.to.write_str(&value[at..=at])?;
            value = &value[at + 1..];
        }
        self.to.write_str(value)?;
        self.to.write_char('"')
    }
}

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if !self.is_plain(field) || !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            self.other(field, |visitor| visitor.record_str(field, value));
        } else if self.written.is_ok() {
            self.written = self.quoted(field, value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.other(field, |visitor| visitor.record_error(field, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if !self.is_plain(field) {
            self.other(field, |visitor| visitor.record_debug(field, value));
        } else if self.written.is_ok() {
            self.written = self.name(field).and_then(|()| write!(self.to, "{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;
    use tracing_subscriber::fmt::format::DefaultFields;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A line with fields of each kind, as this format writes it.
    fn line<F>(format: F, colour: bool, text: &str, number: i64) -> String
    where
        F: for<'a> FormatFields<'a> + Send + Sync + 'static,
    {
        let paper = Paper::default();
        let writer = paper.clone();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(format)
            .without_time()
            .with_ansi(colour)
            .with_writer(move || writer.clone());
        let error = io::Error::other(text.to_owned());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(
                id = number,
                route = %text,
                room = text,
                absent = None::<&str>,
                error = &error as &(dyn Error + 'static),
                r#type = text,
                contact = text,
                debug = ?text,
                "{text}"
            );
            tracing::info!(log.line = number, room = text, message = text);
            tracing::info!(ms = number.unsigned_abs(), done = colour, share = 0.5);
        });
        let written = paper.0.lock().unwrap().clone();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn the_time_is_the_one_that_chrono_writes() {
        let time = Time::default();
        for micros in
            [0, 1, 999_999, 1_000_000, 1_764_388_799_999_999, 1_764_388_800_000_000, 1_764_388_800_000_001]
        {
            let now = UNIX_EPOCH + Duration::from_micros(micros);
            let mut text = String::new();
            time.format(now, &mut Writer::new(&mut text)).unwrap();
            assert_eq!(text, DateTime::<Utc>::from(now).format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string());
        }
    }

    proptest! {
        #[test]
        fn the_text_is_tracing_subscribers(
            text in prop_oneof!["[ -~]{0,12}", r#"[a\\"'\x00-\x20\x7f\x1b]{0,4}"#, any::<String>()],
            number: i64,
            colour: bool,
        ) {
            let theirs = line(DefaultFields::new(), colour, &text, number);
            prop_assert_eq!(line(Fields, colour, &text, number), theirs);
        }
    }
}
