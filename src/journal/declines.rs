//! Finds the invitation that a contact declines, among all that were relayed. Knows nothing of who is told.

use sqlx::SqliteConnection;

use super::nouns::Sent;
use super::rows::ended;
use crate::model::{Id, Pending};

/// Notes that the contact has declined a relayed invitation: the newest that was sent from this relay address, and was not
/// declined yet.
pub(super) async fn decline(
    db: &mut SqliteConnection,
    room: &str,
    sent: &Sent,
    now: i64,
) -> sqlx::Result<Option<Pending>> {
    for find in [DECLINABLE, DECLINABLE_OF_OLDER] {
        let found: Option<Id> = sqlx::query_scalar(find)
            .bind(&sent.contact)
            .bind(room)
            .bind(&sent.sent_as)
            .fetch_optional(&mut *db)
            .await?
            .flatten();
        let Some(id) = found else { continue };
        let row = sqlx::query(
            "UPDATE history SET declined = ? WHERE id = ? \
             RETURNING id, received, route, room, inviter, contact, parent, added, language",
        )
        .bind(now)
        .bind(id)
        .fetch_optional(db)
        .await?;
        return row.as_ref().map(ended).transpose();
    }
    Ok(None)
}

/// The index has a part for each 65,536 ids, which are asked one by one, the newest first. A part is small enough to stay in
/// memory while rows are added to it.
const DECLINABLE: &str = "WITH RECURSIVE parts(part, last) AS (\
    SELECT (SELECT max(id) FROM history) >> 16, (SELECT min(id) FROM history) >> 16 \
    UNION ALL SELECT part - 1, last FROM parts WHERE part > last) \
    SELECT id FROM (SELECT (SELECT max(id) FROM history WHERE id >> 16 = part AND contact = ?1 AND room = ?2 AND sent_as = ?3 \
    AND state = 'relayed' AND declined = 0) AS id FROM parts) WHERE id IS NOT NULL LIMIT 1";

/// What older versions wrote. The conditions on `sent_as` are those of the index.
const DECLINABLE_OF_OLDER: &str = "SELECT max(id) FROM history WHERE contact = ? AND room = ? AND sent_as = ? \
    AND state = 'relayed' AND declined IS NULL AND sent_as <> inviter AND sent_as <> room";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::{AssertSqlSafe, Row};

    use super::super::{Journal, Retention, schema};
    use super::*;
    use crate::model::{Arrival, Outcome, Payload, Route, State};

    const US: &str = r"alice\40a.test@invites.test";

    /// A journal whose next ids are behind these, with an invitation relayed at each; and where `older`, all that are there then as
    /// an older version would have written them.
    async fn journal(behind: &[Id], older: usize) -> (tempfile::TempDir, SqliteConnection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let hour = Duration::from_secs(3600);
        for (at, behind) in behind.iter().enumerate() {
            let (journal, writer) =
                Journal::open(&path, Retention { window: hour, retention: hour }).await.unwrap();
            drop(journal);
            writer.run().await.unwrap();
            let mut db = schema::of_any_version(&path).await.unwrap();
            sqlx::query("INSERT OR REPLACE INTO sqlite_sequence (rowid, name, seq) VALUES (1, 'pending', ?)")
                .bind(behind)
                .execute(&mut db)
                .await
                .unwrap();
            drop(db);
            let (journal, writer) =
                Journal::open(&path, Retention { window: hour, retention: hour }).await.unwrap();
            let writer = tokio::spawn(writer.run());
            let arrival = Arrival {
                route: Route::Addressed,
                room: "room@a.test".to_owned(),
                inviter: "alice@a.test".to_owned(),
                contact: "bob@a.test".to_owned(),
                payload: Payload::default(),
                parent: None,
            };
            let id = journal.admit(arrival).await.unwrap().id;
            assert_eq!(id, behind + 1);
            let sent_as = Some(US.to_owned());
            journal
                .settle(Outcome { id, state: State::Relayed, reason: None, inviter: None, sent_as })
                .await
                .unwrap();
            drop(journal);
            writer.await.unwrap().unwrap();
            if at + 1 == older {
                let mut db = schema::of_any_version(&path).await.unwrap();
                sqlx::query("UPDATE history SET declined = NULL").execute(&mut db).await.unwrap();
            }
        }
        let db = schema::of_any_version(&path).await.unwrap();
        (folder, db)
    }

    async fn declined(db: &mut SqliteConnection, contact: &str, room: &str, us: &str) -> Option<Id> {
        let sent = Sent { contact: contact.to_owned(), sent_as: us.to_owned() };
        decline(db, room, &sent, 1).await.unwrap().map(|row| row.id)
    }

    #[tokio::test]
    async fn the_newest_is_declined_first_however_far_apart_they_are() {
        let behind = [3, 70_000, 70_001, 10_000_000];
        for older in [0, 2, 4] {
            let (_folder, mut db) = journal(&behind, older).await;
            let db = &mut db;
            assert_eq!(declined(db, "eve@a.test", "room@a.test", US).await, None);
            assert_eq!(declined(db, "bob@a.test", "other@a.test", US).await, None);
            assert_eq!(declined(db, "bob@a.test", "room@a.test", "alice@a.test").await, None);
            for behind in behind.iter().rev() {
                assert_eq!(declined(db, "bob@a.test", "room@a.test", US).await, Some(behind + 1), "{older}");
            }
            assert_eq!(declined(db, "bob@a.test", "room@a.test", US).await, None);
        }
    }

    #[tokio::test]
    async fn no_decline_reads_the_history() {
        let (_folder, mut db) = journal(&[0], 0).await;
        for (find, index) in [(DECLINABLE, "declinable_by_part"), (DECLINABLE_OF_OLDER, "declinable")] {
            let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {find}"));
            let plan = sqlx::query(explained).fetch_all(&mut db).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            let by_index = format!("SEARCH history USING INDEX {index} (");
            assert!(plan.iter().any(|step| step.starts_with(&by_index)), "{plan:#?}");
            assert!(!plan.iter().any(|step| step.starts_with("SCAN history")), "{plan:#?}");
        }
    }
}
