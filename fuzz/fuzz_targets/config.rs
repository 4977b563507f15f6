//! The configuration: a file, and variables of the environment behind a NUL each. A configuration that is taken can be
//! taken over by a relay that runs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muc_invite_relay::config::Config;

const LEAST: &str = include_str!("../../tests/configs/valid/least.toml");

fuzz_target!(|text: &str| {
    let mut parts = text.split('\0');
    let file = parts.next().unwrap_or_default();
    let variables = parts.filter_map(|part| part.split_once('='));
    let variables = variables.map(|(name, value)| (format!("MUC_INVITE_RELAY__{name}"), value.to_owned()));
    match Config::from_toml(file, variables) {
        Ok(config) => {
            let _ = (config.warnings(), format!("{config:?}"));
            let old = Config::from_toml(LEAST, std::iter::empty()).expect("an example");
            let _ = config.after(&old);
        }
        Err(complaints) => assert!(!complaints.to_string().is_empty()),
    }
});
