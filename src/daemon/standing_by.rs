//! The relay while another one with the same journal works: it waits for the lead, and says so to all who ask. Knows nothing of what
//! a relay does that leads.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use super::control::{self, Health};
use super::error::RunError;
use super::late;
use super::leading::Left;
use super::orders;
use super::settings::retention;
use super::{systemd, watchdog};
use crate::check;
use crate::config::{Config, JournalServer};
use crate::journal::{Journal, Leader, OpenError, Standby, Writer};
use crate::status;
use crate::telemetry::http;

/// How often it looks whether it may lead.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// For so long one that has given up the lead leaves it to others.
const LEAVE_TO_OTHERS: Duration = Duration::from_secs(3);

/// Which time a relay waits for the lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// The first since its start. If it led when it ended, it need not wait until that lead has ended.
    First,
    /// Another one has taken the lead.
    Again,
    /// It has given the lead up.
    AfterOthers,
}

/// Waits until this relay leads, and opens the journal; `None` if it is told to stop before that.
///
/// # Errors
/// [`RunError::Journal`]: the database can't be used at the start, or never. Later it is waited for.
pub(super) async fn until_it_leads(
    left: &mut Left,
    server: &JournalServer,
    turn: Turn,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<Option<Taken>, RunError> {
    let mut waiting: Option<Waiting> = None;
    let mut standby = None;
    let not_before =
        Instant::now() + if turn == Turn::AfterOthers { LEAVE_TO_OTHERS } else { Duration::ZERO };
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut again = turn == Turn::First;
    loop {
        tokio::select! {
            _ = look.tick() => {}
            () = left.reload.hang_ups.next() => {
                left.reload.standing_by(&mut left.config);
                continue;
            }
            () = &mut stop => break,
        }
        let may_lead = Instant::now() >= not_before;
        let found = tokio::select! {
            found = step(&mut standby, server, left, may_lead, again) => found,
            () = &mut stop => break,
        };
        again = false;
        let is_start = turn == Turn::First && waiting.is_none();
        let words = match found {
            Ok(Step::Leads(opened)) => return Ok(Some(Taken { opened: *opened, waiting })),
            Ok(Step::StandsBy(Leader { name, holds: true, .. })) => format!("stands by: {name} leads"),
            Ok(Step::StandsBy(Leader { holds: false, .. })) => "stands by: nobody leads yet".to_owned(),
            Err(e) if may_pass(&e) && !is_start => format!("stands by, and can't lead: {e}"),
            Err(e) => return Err(e.into()),
        };
        waiting.get_or_insert_with(|| Waiting::begin(&left.config)).says(&words);
    }
    systemd::stopping();
    if let Some(mut standby) = standby {
        let _ = timeout(late::AT_THE_END, late::hand_on(&mut standby, &mut left.late)).await;
        standby.go().await;
    }
    Ok(None)
}

/// The lead.
pub(super) struct Taken {
    pub(super) opened: (Journal, Writer),
    /// Answers until the relay works, if it stood by.
    pub(super) waiting: Option<Waiting>,
}

/// What became of a look.
enum Step {
    Leads(Box<(Journal, Writer)>),
    StandsBy(Leader),
}

async fn step(
    standby: &mut Option<Standby>,
    server: &JournalServer,
    left: &mut Left,
    may_lead: bool,
    again: bool,
) -> Result<Step, OpenError> {
    let standby = match standby {
        Some(standby) => standby,
        None => standby.insert(Standby::open(server).await?),
    };
    let handed_on = match late::hand_on(standby, &mut left.late).await {
        Err(e) if !may_pass(&e) => return Err(e),
        handed_on => handed_on.inspect_err(|e| debug!("nothing is handed on yet: {e}")).is_ok(),
    };
    // What it leads with would not know of what is left.
    if may_lead
        && handed_on
        && let Some(opened) = standby.lead(retention(&left.config), again).await?
    {
        return Ok(Step::Leads(opened.into()));
    }
    standby.stand_by().await.map(Step::StandsBy)
}

/// The database may be usable later.
pub(super) fn may_pass(e: &OpenError) -> bool {
    matches!(e, OpenError::Server { .. })
}

/// What can be seen and asked of a relay that stands by.
pub(super) struct Waiting {
    words: watch::Sender<String>,
    served: [AbortOnDropHandle<()>; 3],
}

impl Waiting {
    fn begin(config: &Config) -> Self {
        let words = watch::Sender::new(String::new());
        let said = || {
            let words = words.subscribe();
            move || words.borrow().clone()
        };
        let (for_check, for_health, for_orders, for_page) = (said(), said(), said(), said());
        let check = move || {
            let words = for_check();
            async move { vec![check::stands_by(&words)] }
        };
        let health = move || Health { alive: true, found: for_health() };
        let orders = move |order| orders::refuse(order, for_orders());
        let control = control::serve(config.journal.socket.clone(), check, health, orders);
        let (listen, component) = (config.metrics.listen, config.component.written.clone());
        let page = async move {
            let Some(address) = listen else { return };
            let answer = move |question| {
                let answer = status::standing_by(&question, &component, &for_page());
                async move { answer }
            };
            http::serve(address, answer).await;
        };
        systemd::ready();
        let served = [
            AbortOnDropHandle::new(tokio::spawn(control)),
            AbortOnDropHandle::new(tokio::spawn(page)),
            AbortOnDropHandle::new(tokio::spawn(watchdog::alive())),
        ];
        Self { words, served }
    }

    /// Ends it, with the socket and the address free for what comes next.
    pub(super) async fn end(self) {
        for task in self.served {
            task.abort();
            let _ = task.await;
        }
    }

    /// Tells it where it has changed.
    fn says(&self, words: &str) {
        let changed = self.words.send_if_modified(|said| {
            let changes = said != words;
            words.clone_into(said);
            changes
        });
        if changed {
            systemd::status(words);
            if words.contains("can't") { warn!("{words}") } else { info!("{words}") }
        }
    }
}
