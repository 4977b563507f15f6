//! A statement for a whole batch of rows, whose text is written once for each number of rows that it comes in. Knows nothing of what
//! it says.
//!
//! A statement's text depends on its number of rows, and is to be prepared once: there are texts for some numbers of rows, and rows
//! that are left over are NULL, which every statement here passes over. `SQLite` takes for NULL what is bound to nothing.

use std::sync::{Arc, OnceLock};

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Encode, Sqlite, Type};

/// For how many rows there are texts. 256 rows of 16 values stay far below `SQLite`'s limit of 32766 parameters.
const ROWS: [usize; 16] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, MAX_ROWS];

/// The most rows of one statement.
const MAX_ROWS: usize = 256;

/// A statement with `VALUES` of rows in it.
pub(super) struct Statement {
    before: &'static str,
    columns: usize,
    after: &'static str,
    texts: [OnceLock<Arc<str>>; ROWS.len()],
}

/// The values of the rows of a statement, in the order in which they stand in it.
#[derive(Default)]
pub(super) struct Values(SqliteArguments);

impl Values {
    /// Adds a value.
    pub(super) fn push<'v>(
        &mut self,
        value: impl Encode<'v, Sqlite> + Type<Sqlite>,
    ) -> sqlx::Result<&mut Self> {
        self.0.add(value).map_err(sqlx::Error::Encode)?;
        Ok(self)
    }

    /// Adds a text or NULL. It is allocated once, and not twice, as sqlx does with one that is borrowed.
    pub(super) fn text<'v>(&mut self, text: impl Into<Option<&'v str>>) -> sqlx::Result<&mut Self> {
        self.push(text.into().map(Arc::<str>::from))
    }
}

impl Statement {
    /// `before` ends where `VALUES` is to stand, which has `columns` columns, and is followed by `after`.
    pub(super) const fn new(before: &'static str, columns: usize, after: &'static str) -> Self {
        Self { before, columns, after, texts: [const { OnceLock::new() }; ROWS.len()] }
    }

    /// Cuts `rows` into pieces for one statement each.
    pub(super) fn pieces<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
        rows.chunks(MAX_ROWS)
    }

    /// The statement for one of the [`Self::pieces`]. `values` has the values that stand before those of the rows, and `push` adds
    /// those of a row.
    ///
    /// # Errors
    /// [`sqlx::Error::Encode`]: a value can't be encoded.
    pub(super) fn of<T>(
        &self,
        rows: &[T],
        mut values: Values,
        mut push: impl FnMut(&mut Values, &T) -> sqlx::Result<()>,
    ) -> sqlx::Result<Query<'static, Sqlite, SqliteArguments>> {
        values.0.reserve(rows.len() * self.columns, 0);
        for row in rows {
            push(&mut values, row)?;
        }
        Ok(sqlx::query_with(AssertSqlSafe(self.text(rows.len())), values.0))
    }

    fn text(&self, rows: usize) -> Arc<str> {
        let size = ROWS.partition_point(|size| *size < rows).min(ROWS.len() - 1);
        let text = self.texts[size].get_or_init(|| {
            let row = format!("(?{})", ",?".repeat(self.columns - 1));
            format!("{}VALUES {}{}", self.before, vec![row; ROWS[size]].join(","), self.after).into()
        });
        Arc::clone(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_few_places_as_there_are_texts_for() {
        let statement = Statement::new("INSERT INTO t SELECT * FROM (", 2, ") WHERE column1 IS NOT NULL");
        let places = |rows| statement.text(rows).matches("(?,?)").count();
        assert_eq!([1, 3, 5, 13, 128, 129, 256].map(places), [1, 3, 6, 16, 128, 192, 256]);
        assert_eq!(
            &*statement.text(2),
            "INSERT INTO t SELECT * FROM (VALUES (?,?),(?,?)) WHERE column1 IS NOT NULL"
        );
        assert!(Arc::ptr_eq(&statement.text(5), &statement.text(6)), "written once");
        let pieces: Vec<_> = Statement::pieces(&[0; 600]).map(<[_]>::len).collect();
        assert_eq!(pieces, [256, 256, 88]);
    }
}
