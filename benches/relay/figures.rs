//! Medians of several runs, and the table. Knows nothing of how they were measured.

use std::time::Duration;

/// What was measured in one run.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Invitations a second at full load.
    pub rate: f64,
    /// CPU time of the process for each of them, in µs.
    pub cpu: f64,
    /// Latency at half that load, in ms: the median and the 99th percentile.
    pub half: [f64; 2],
    /// The largest resident memory, in MB.
    pub memory: f64,
}

/// A line of the table: a name and its runs.
pub struct Line {
    pub name: String,
    pub runs: Vec<Figures>,
}

impl Line {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), runs: Vec::new() }
    }

    pub fn median(&self, of: impl Fn(&Figures) -> f64) -> f64 {
        quantile(self.runs.iter().map(of).collect(), 0.5)
    }

    /// The largest of all runs.
    pub fn largest(&self, of: impl Fn(&Figures) -> f64) -> f64 {
        self.runs.iter().map(of).fold(0.0, f64::max)
    }
}

/// The median and the 99th percentile of latencies, in ms.
pub fn latency(latencies: &[Duration]) -> [f64; 2] {
    let millis: Vec<f64> = latencies.iter().map(|it| it.as_secs_f64() * 1000.0).collect();
    [quantile(millis.clone(), 0.5), quantile(millis, 0.99)]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an index"
)]
fn quantile(mut values: Vec<f64>, q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len() as f64 * q) as usize).copied().unwrap_or(f64::NAN)
}

/// Prints medians, and of the rate also the slowest and the fastest run.
pub fn print(lines: &[Line]) {
    println!(
        "{:<46} {:>9} {:>16} {:>8} {:>8} {:>8} {:>8}",
        "", "a second", "(slowest-fastest)", "CPU µs", "p50 ms", "p99 ms", "peak MB"
    );
    for line in lines {
        let rates: Vec<f64> = line.runs.iter().map(|run| run.rate).collect();
        let spread = format!("({:.0}-{:.0})", quantile(rates.clone(), 0.0), quantile(rates, 0.999));
        println!(
            "{:<46} {:>9.0} {:>16} {:>8.1} {:>8.2} {:>8.2} {:>8.0}",
            line.name,
            line.median(|run| run.rate),
            spread,
            line.median(|run| run.cpu),
            line.median(|run| run.half[0]),
            line.median(|run| run.half[1]),
            line.largest(|run| run.memory),
        );
    }
}
