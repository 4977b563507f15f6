//! Prints rows as a table for people. Knows nothing of what is in them.

use std::io::{self, Write};

/// Columns as wide as their widest cells, with two spaces between.
pub(super) fn table<const COLUMNS: usize>(
    rows: &[[String; COLUMNS]],
    out: &mut impl Write,
) -> io::Result<()> {
    let widths = widths(rows);
    for row in rows {
        line(row, widths, out)?;
    }
    Ok(())
}

/// One row of a table with columns of these widths.
pub(super) fn line<const COLUMNS: usize>(
    row: &[String; COLUMNS],
    widths: [usize; COLUMNS],
    out: &mut impl Write,
) -> io::Result<()> {
    let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    writeln!(out, "{}", cells.join("  ").trim_end())
}

/// How wide the columns of these rows are, in characters.
pub(super) fn widths<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> [usize; COLUMNS] {
    let mut widths = [0; COLUMNS];
    for (column, width) in widths.iter_mut().enumerate() {
        *width = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    }
    widths
}
