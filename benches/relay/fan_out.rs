//! One invitation to all members of a large room, and how it delays single invitations meanwhile.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::Instant;

use crate::candidate::Candidate;
use crate::figures;
use crate::server::Pace;

/// How long single invitations are measured before the large one.
const SECONDS_BEFORE: f64 = 2.0;
/// How long single invitations are measured meanwhile, before looking whether the large one has ended.
const SECONDS_PER_SLICE: f64 = 0.5;

/// Prints, for each size of the large room, its cost, and the latency of single invitations before it and meanwhile.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small and positive"
)]
pub async fn run(folder: &Path, crowds: &[usize], singles: f64) -> Result<()> {
    println!();
    println!(
        "{:<46} {:>9} {:>8} {:>17} {:>17} {:>8}",
        format!("members@, and {singles:.0} single ones a second"),
        "a second",
        "CPU µs",
        "p50 ms before, in",
        "p99 ms before, in",
        "peak MB"
    );
    for members in crowds {
        let folder = folder.join(format!("crowd-{members}"));
        fs::create_dir(&folder)?;
        let mut running = Candidate::Relay { privileged: true }.start(&folder).await?;
        running.server.invite(500, Pace::Unanswered(500)).await?;

        // First without single invitations, for its own cost; then with them, on a new journal, where it is no repetition.
        let (cpu, begun) = (running.cpu()?, Instant::now());
        running.server.invite_all(*members);
        let reached = running.server.until_all_reached().await?;
        ensure!(reached == *members, "{reached} of {members} members got an invitation");
        let took = begun.elapsed();
        let cpu = running.cpu()?.saturating_sub(cpu);
        let memory = running.peak_memory()?;
        running.stop().await?;
        fs::remove_dir_all(&folder)?;

        fs::create_dir(&folder)?;
        let mut running = Candidate::Relay { privileged: true }.start(&folder).await?;
        running.server.invite(500, Pace::Unanswered(500)).await?;
        let before =
            running.server.invite((singles * SECONDS_BEFORE) as usize, Pace::PerSecond(singles)).await?;
        running.server.invite_all(*members);
        let mut meanwhile = Vec::new();
        while running.server.all_reached().is_none() {
            let slice = running
                .server
                .invite((singles * SECONDS_PER_SLICE) as usize, Pace::PerSecond(singles))
                .await?;
            meanwhile.extend(slice.latencies);
        }
        running.stop().await?;
        fs::remove_dir_all(&folder)?;

        let [before, meanwhile] = [figures::latency(&before.latencies), figures::latency(&meanwhile)];
        println!(
            "{:<46} {:>9.0} {:>8.1} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>8.0}",
            format!("{members} members"),
            *members as f64 / took.as_secs_f64(),
            cpu.as_secs_f64() * 1e6 / *members as f64,
            before[0],
            meanwhile[0],
            before[1],
            meanwhile[1],
            memory,
        );
        ensure!(took < Duration::from_secs(600), "it took {} s", took.as_secs());
    }
    Ok(())
}
