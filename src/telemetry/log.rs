//! The log: to standard error as text or JSON, or to systemd's journal. Text for the journal has the priority of each line in
//! place of the time, which the journal adds. Knows nothing of what is logged.
//!
//! No level shows stanzas. Some libraries log them raw, with room passwords and the handshake, so these libraries never log more
//! than [`MAX_LEVEL_OF_VERBOSE_CRATES`], whatever `log.level` says.

use std::env;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use tracing::{Event, Metadata, Subscriber, error};
use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use super::log_line::{Fields, Time};
use crate::config::{Log, LogFormat};

/// Libraries that may log stanzas or rows of the journal.
const VERBOSE_CRATES: [&str; 5] = ["tokio_xmpp", "xmpp_parsers", "xso", "rxml", "sqlx"];

/// The most verbose level that these libraries may log.
const MAX_LEVEL_OF_VERBOSE_CRATES: tracing::Level = tracing::Level::INFO;

/// Why the log can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `log.level` is not valid.
    #[error("log.level is {level:?}: {source}")]
    Level {
        /// The configured level.
        level: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// systemd's journal can't be reached.
    #[error("log.format is \"journald\", but systemd's journal can't be reached ({0}): write \"text\"")]
    NoJournal(io::Error),
    /// The log was opened before.
    #[error("the log is open already")]
    Twice,
}

/// A handle that changes the level of the log while the process runs.
#[derive(Debug, Clone)]
pub struct Level(reload::Handle<Targets, Registry>);

impl Level {
    /// Uses the level of this configuration from now on.
    pub fn set(&self, config: &Log) {
        // A valid configuration has a valid level, and the log is open as long as the process runs.
        match targets(&config.level) {
            Ok(targets) => drop(self.0.reload(targets)),
            Err(e) => error!("{e}"),
        }
    }
}

type Output = Box<dyn Layer<Registry> + Send + Sync>;

/// Opens the log of this process, once. The configuration alone decides: `RUST_LOG` is ignored.
///
/// # Errors
/// [`LogError::Level`] if the level is not valid, [`LogError::NoJournal`] if systemd's journal is configured and can't be
/// reached, [`LogError::Twice`] if the log is open already.
pub fn init(config: &Log) -> Result<Level, LogError> {
    let output = match config.format {
        LogFormat::Text if is_journal(&io::stderr()) => for_journal(io::stderr),
        LogFormat::Text => text(io::stderr, io::stderr().is_terminal()),
        LogFormat::Json => json(io::stderr),
        LogFormat::Journald => {
            let journal = tracing_journald::layer().map_err(LogError::NoJournal)?;
            journal.with_syslog_identifier(env!("CARGO_PKG_NAME").to_owned()).boxed()
        }
    };
    let (subscriber, level) = subscriber(&config.level, output)?;
    subscriber.try_init().map_err(|_| LogError::Twice)?;
    Ok(level)
}

fn text<W: for<'a> MakeWriter<'a> + Send + Sync + 'static>(writer: W, colour: bool) -> Output {
    tracing_subscriber::fmt::layer()
        .fmt_fields(Fields)
        .with_timer(Time::default())
        .with_ansi(colour)
        .with_writer(writer)
        .boxed()
}

/// Whether standard error goes to systemd's journal. The service manager sets `JOURNAL_STREAM` (systemd.exec(5)); child
/// processes with another output inherit the variable, so device and inode are compared.
fn is_journal(stderr: &impl AsFd) -> bool {
    let named = env::var("JOURNAL_STREAM").ok();
    let Some((device, inode)) = named.as_deref().and_then(|named| named.split_once(':')) else {
        return false;
    };
    rustix::fs::fstat(stderr)
        .is_ok_and(|file| file.st_dev.to_string() == device && file.st_ino.to_string() == inode)
}

/// Lines for systemd's journal, which adds the time, and reads the priority from their beginning (sd-daemon(3)).
fn for_journal<W: for<'a> MakeWriter<'a> + Send + Sync + 'static>(writer: W) -> Output {
    tracing_subscriber::fmt::layer()
        .fmt_fields(Fields)
        .event_format(Prioritised)
        .with_ansi(false)
        .with_writer(writer)
        .boxed()
}

/// One line for each event: `<4>target: message key=value`.
struct Prioritised;

impl<S, N> FormatEvent<S, N> for Prioritised
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        // The priorities of syslog, which has none below debug.
        let priority = match *event.metadata().level() {
            tracing::Level::ERROR => 3,
            tracing::Level::WARN => 4,
            tracing::Level::INFO => 6,
            tracing::Level::DEBUG | tracing::Level::TRACE => 7,
        };
        let mut text = String::new();
        write!(text, "{}: ", event.metadata().target())?;
        context.format_fields(Writer::new(&mut text), event)?;
        // A line break would begin another entry, without a priority.
        writeln!(to, "<{priority}>{}", text.replace('\n', "\\n"))
    }
}

fn json<W: for<'a> MakeWriter<'a> + Send + Sync + 'static>(writer: W) -> Output {
    tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(writer).boxed()
}

fn targets(level: &str) -> Result<Targets, LogError> {
    level.parse().map_err(|source| LogError::Level { level: level.to_owned(), source })
}

fn subscriber(level: &str, output: Output) -> Result<(impl Subscriber + Send + Sync, Level), LogError> {
    let (asked_for, handle) = reload::Layer::new(targets(level)?);
    // Without this hint both filters are asked about every line that a library might log, and tokio-xmpp copies everything
    // that it reads for lines that are never logged.
    let capped = filter_fn(may_log).with_max_level_hint(LevelFilter::TRACE);
    let layer = output.with_filter(asked_for.and(capped));
    Ok((tracing_subscriber::registry().with(layer), Level(handle)))
}

fn may_log(metadata: &Metadata<'_>) -> bool {
    let library = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= MAX_LEVEL_OF_VERBOSE_CRATES || !VERBOSE_CRATES.contains(&library)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tokio::io::AsyncReadExt;
    use tokio_xmpp::xmlstream::{StreamHeader, Timeouts, initiate_stream};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Paper {
        fn read(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: &str, output: impl Fn(Paper) -> Output, say: impl FnOnce()) -> String {
        let paper = Paper::default();
        let guard = subscriber(level, output(paper.clone())).unwrap().0.set_default();
        say();
        drop(guard);
        paper.read()
    }

    #[test]
    fn what_is_not_logged_is_not_even_asked_about() {
        for (level, most) in
            [("info", LevelFilter::INFO), ("warn,muc_invite_relay=debug", LevelFilter::DEBUG)]
        {
            let (subscriber, _level) = subscriber(level, plain(Paper::default())).unwrap();
            assert_eq!(subscriber.max_level_hint(), Some(most));
        }
    }

    fn plain(paper: Paper) -> Output {
        text(move || paper.clone(), false)
    }

    /// Opens a stream whose header holds a word that must not be logged.
    fn stream() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(4096);
            let header = StreamHeader { to: Some("hush.example.org".into()), ..StreamHeader::default() };
            let ours = tokio::io::BufStream::new(ours);
            let opening =
                tokio::spawn(initiate_stream(ours, "jabber:component:accept", header, Timeouts::tight()));
            let mut seen = vec![0; 64];
            theirs.read_exact(&mut seen).await.unwrap();
            drop(theirs);
            assert!(opening.await.unwrap().is_err());
        });
    }

    #[test]
    fn no_level_shows_what_goes_over_the_wire() {
        let uncapped = Paper::default();
        let subscriber = tracing_subscriber::registry().with(plain(uncapped.clone()));
        let guard = subscriber.set_default();
        stream();
        drop(guard);
        assert!(uncapped.read().contains("hush"), "nothing would have been shown: {}", uncapped.read());

        for level in ["trace", "info,tokio_xmpp=trace", "tokio_xmpp::xmlstream=trace,rxml=trace"] {
            let shown = logged(level, plain, stream);
            assert!(!shown.contains("hush"), "{level}: {shown}");
        }
    }

    #[test]
    fn a_line_for_the_journal_has_a_priority_and_no_time() {
        let output = |paper: Paper| for_journal(move || paper.clone());
        let shown = logged("trace", output, || {
            tracing::error!(target: "ours", "bad");
            tracing::warn!(target: "ours", room = "a@b", "two\nlines");
            tracing::info!(target: "ours", id = 3, contact = %"c@d", "relayed");
            tracing::debug!(target: "ours", "more");
            tracing::trace!(target: "ours", "most");
        });
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(
            lines,
            [
                "<3>ours: bad",
                r#"<4>ours: two\nlines room="a@b""#,
                "<6>ours: relayed id=3 contact=c@d",
                "<7>ours: more",
                "<7>ours: most",
            ]
        );
    }

    #[test]
    fn directives_decide_what_is_shown() {
        let shown = logged("warn,muc_invite_relay::telemetry=debug", plain, || {
            tracing::debug!("ours");
            tracing::trace!("too little");
            tracing::info!(target: "elsewhere", "theirs");
            tracing::warn!(target: "sqlx::query", "slow");
        });
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(shown.contains("ours") && shown.contains("slow"), "{shown}");
    }

    #[test]
    fn the_level_changes_and_the_cap_stays() {
        let paper = Paper::default();
        let (subscriber, level) = subscriber("warn", plain(paper.clone())).unwrap();
        let _guard = subscriber.set_default();
        let say = || {
            tracing::info!("ours");
            tracing::debug!(target: "sqlx::query", "theirs");
        };
        say();
        level.set(&Log { level: "trace".to_owned(), format: LogFormat::Text });
        say();
        level.set(&Log { level: "error".to_owned(), format: LogFormat::Text });
        say();
        assert_eq!(paper.read().matches("ours").count(), 1, "{}", paper.read());
        assert!(!paper.read().contains("theirs"), "{}", paper.read());
    }

    #[test]
    fn json_is_one_object_a_line() {
        let shown = logged(
            "info",
            |paper| json(move || paper.clone()),
            || {
                tracing::info!(room = "a@b", "two\nlines");
            },
        );
        let object: serde_json::Value = serde_json::from_str(shown.trim_end()).unwrap();
        assert_eq!(object["message"], "two\nlines");
        assert_eq!(object["room"], "a@b");
        assert_eq!(object["level"], "INFO");
    }
}
