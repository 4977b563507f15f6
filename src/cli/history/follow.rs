//! `history --follow`: prints the newest invitations, then each one as soon as it has ended, until Ctrl-C. It asks the journal again
//! and again, beside the relay. Knows nothing of where invitations are stored.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use super::super::command::CommandError;
use super::super::table::line;
use super::form::{Form, Times, headings, lines, rfc_4180, row, rows_of_sheet, widths};
use crate::daemon::signals;
use crate::journal::{Filter, JournalReader, Record};
use crate::model::{Id, State};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// Records that are read at a time; if more have come, the next look reads on.
const RECORDS_PER_LOOK: u32 = 5000;
/// Invitations under way that are looked at again. Of more, the oldest are shown only by another `history`.
const MAX_WAITING: usize = 1000;

/// Prints until SIGINT or SIGTERM.
pub(in crate::cli) async fn follow(
    reader: &JournalReader,
    filter: Filter,
    form: Form,
    times: Times,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let mut stop = pin!(signals::stop()?);
    // An invitation that has another state now may have this one later.
    let (wanted, filter) = (filter.state, Filter { state: None, ..filter });
    let mut newest = reader.history(&filter).await?;
    newest.reverse();
    let filter = Filter { limit: RECORDS_PER_LOOK, ..filter };
    let mut seen = Seen { wanted, after: 0, waiting: BTreeSet::new() };
    let mut shown = Shown { form, times, widths: widths(&[headings(times)]), out };
    shown.begin(&newest)?;
    shown.show(&seen.take(newest))?;
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            () = sleep(PAUSE) => {}
        }
        let records = reader.history_after(&filter, seen.after, &seen.waiting).await?;
        shown.show(&seen.take(records))?;
    }
}

/// What has been seen so far.
struct Seen {
    /// Only invitations in this state are shown.
    wanted: Option<State>,
    /// The newest.
    after: Id,
    /// Those that were under way.
    waiting: BTreeSet<Id>,
}

impl Seen {
    /// Returns those that are to be shown now.
    fn take(&mut self, records: Vec<Record>) -> Vec<Record> {
        let before = std::mem::take(&mut self.waiting);
        if records.len() >= RECORDS_PER_LOOK as usize {
            // Those that were not read are still waited for; one that is gone for good is not.
            self.waiting = before;
        }
        let mut show = Vec::new();
        for record in records {
            self.after = self.after.max(record.id);
            let under_way = record.state == State::Pending;
            if under_way && self.wanted != Some(State::Pending) {
                self.waiting.insert(record.id);
            } else {
                self.waiting.remove(&record.id);
                if self.wanted.is_none_or(|wanted| wanted == record.state) {
                    show.push(record);
                }
            }
        }
        while self.waiting.len() > MAX_WAITING {
            self.waiting.pop_first();
        }
        show
    }
}

/// Where records are printed.
struct Shown<'a, Out> {
    form: Form,
    times: Times,
    /// Of the columns: they grow with what is in them.
    widths: [usize; 10],
    out: &'a mut Out,
}

impl<Out: Write> Shown<'_, Out> {
    fn begin(&mut self, newest: &[Record]) -> io::Result<()> {
        match self.form {
            Form::Json => {}
            Form::Csv => {
                let mut csv = rfc_4180(&mut *self.out);
                csv.write_record(super::form::COLUMNS)?;
                csv.flush()?;
            }
            Form::Table => {
                let headings = headings(self.times);
                let rows = newest.iter().map(|record| row(record, self.times));
                self.widths = widths(&rows.chain([headings.clone()]).collect::<Vec<_>>());
                line(&headings, self.widths, self.out)?;
            }
        }
        self.out.flush()
    }

    fn show(&mut self, records: &[Record]) -> io::Result<()> {
        match self.form {
            Form::Json => lines(records, self.times, self.out)?,
            Form::Csv => rows_of_sheet(records, self.times, &mut rfc_4180(&mut *self.out))?,
            Form::Table => {
                for record in records {
                    let row = row(record, self.times);
                    for (width, cell) in self.widths.iter_mut().zip(&row) {
                        *width = (*width).max(cell.chars().count());
                    }
                    line(&row, self.widths, self.out)?;
                }
            }
        }
        self.out.flush()
    }
}
