//! Durations as operators write them, such as `90s` or `1h 30m`. Pure.

use std::time::Duration;

/// Units that nobody means: `10M` would be ten months.
const TOO_LONG: [&str; 6] = ["M", "month", "months", "y", "year", "years"];

/// Reads a duration; `None` if it is none, or is counted in months or years.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let mut units = text.split(|c: char| !c.is_alphabetic()).filter(|unit| !unit.is_empty());
    let too_long = units.any(|unit| TOO_LONG.contains(&unit));
    humantime::parse_duration(text).ok().filter(|_| !too_long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_not_read() {
        for (text, seconds) in
            [("90s", 90), ("10m", 600), ("24h", 86_400), ("30d", 2_592_000), ("1h 30m", 5400)]
        {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["10M", "10months", "1y", "10", "m", "", "5 bananas", "1h 2M"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
