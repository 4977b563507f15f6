//! Durations as operators write them, such as `90s` or `1h 30m`. Pure.

use std::time::Duration;

/// The units that can be written. Of others it is too easy to write the wrong one: `10M` would be ten months.
const UNITS: [&str; 4] = ["s", "m", "h", "d"];

/// The units, for a complaint.
pub const UNITS_IN_WORDS: &str = "the units are s, m, h and d";

/// Reads a duration; `None` if it is none, or has another unit than [`UNITS_IN_WORDS`] names.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let mut units = text.split(|c: char| !c.is_alphabetic()).filter(|unit| !unit.is_empty());
    let known = units.all(|unit| UNITS.contains(&unit));
    humantime::parse_duration(text).ok().filter(|_| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documented_units_are_read() {
        for (text, seconds) in
            [("90s", 90), ("10m", 600), ("24h", 86_400), ("30d", 2_592_000), ("1h 30m", 5400)]
        {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["10M", "10months", "1y", "2w", "500ms", "10min", "10", "m", "", "5 bananas", "1h 2M", "1µs"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
