//! `setup`: prints the server's side for the configuration at hand, ready to paste. The texts are those in `config/`,
//! with the configuration's names in place of example.org's. Knows nothing of what a server makes of them.

use std::io::Write;
use std::net::IpAddr;
use std::process::ExitCode;

use secrecy::ExposeSecret;

use super::CommandError;
use crate::config::{Config, ConfigError, Server};
use crate::link;

const PROSODY: &str = include_str!("../../config/prosody/prosody.cfg.lua");
const EJABBERD: &str = include_str!("../../config/ejabberd/ejabberd.yml");

/// The first ejabberd whose `mod_privilege` knows IQs.
const EJABBERD_WITH_IQ: Version = (24, 10);

/// Placeholders say what belongs there. No server takes one for what it stands for.
const HIDDEN: &str = "<component.secret of the relay's configuration; --show-secret prints it>";
const NO_HOST: &str = "<the host of your users; add it to muc.hand_over_from>";
const NO_UNIX: &str = "<Prosody takes components on TCP ports only; set component.server to 127.0.0.1:5347>";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Which server
    server: Make,
    /// Its version, such as 23.01: what that does not understand is left out
    #[arg(long, value_name = "VERSION", value_parser = version)]
    server_version: Option<Version>,
    /// Print the component's secret, too
    #[arg(long)]
    show_secret: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Make {
    Prosody,
    Ejabberd,
}

/// Year and month, or whatever the first two numbers are.
type Version = (u32, u32);

fn version(text: &str) -> Result<Version, &'static str> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse().ok());
    numbers.next().zip(numbers.next()).ok_or("write a version such as 23.01")
}

pub(super) fn run(
    load: impl FnOnce() -> Result<Config, ConfigError>,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let names = Names::new(&load()?, arguments.show_secret);
    let text = match arguments.server {
        Make::Prosody => prosody(&names),
        Make::Ejabberd => ejabberd(&names, arguments.server_version),
    };
    out.write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// What differs from one configuration to the next.
struct Names {
    component: String,
    services: Vec<String>,
    /// Where users have their accounts, as far as the configuration tells.
    hosts: Vec<String>,
    secret: String,
    server: Server,
}

impl Names {
    fn new(config: &Config, show_secret: bool) -> Self {
        let Config { component, muc, .. } = config;
        let services = muc.services.iter().map(String::as_str);
        let mut hosts = link::own_hosts(&component.jid, services, &muc.hand_over_from);
        hosts.retain(|host| !muc.services.contains(host));
        if hosts.is_empty() {
            hosts.push(NO_HOST.to_owned());
        }
        Self {
            component: component.jid.clone(),
            services: muc.services.clone(),
            hosts,
            secret: if show_secret { component.secret.expose_secret() } else { HIDDEN }.to_owned(),
            server: component.server.clone(),
        }
    }
}

fn prosody(names: &Names) -> String {
    let (address, port) = match &names.server {
        Server::Tcp(server) => listener(server),
        Server::Unix(_) => (NO_UNIX.to_owned(), "5347".to_owned()),
    };
    let mut values = vec![
        (r#""invites.example.org""#, lua(&names.component)),
        (r#""change me""#, lua(&names.secret)),
        (r#""127.0.0.1""#, lua(&address)),
        ("5347", port),
    ];
    let mut blocks = Vec::new();
    for block in blocks_of(PROSODY) {
        // A host has a section of its own, and so has a MUC service.
        let several = [(r#""example.org""#, &names.hosts), (r#""conference.example.org""#, &names.services)];
        match several.into_iter().find(|(placeholder, _)| block.contains(placeholder)) {
            None => blocks.push(filled(block, &values)),
            Some((placeholder, names)) => {
                for name in names {
                    values.push((placeholder, lua(name)));
                    blocks.push(filled(block, &values));
                    values.pop();
                }
            }
        }
    }
    blocks.join("\n\n") + "\n"
}

fn ejabberd(names: &Names, version: Option<Version>) -> String {
    let (address, port) = match &names.server {
        Server::Tcp(server) => listener(server),
        Server::Unix(path) => ("127.0.0.1".to_owned(), yaml(&format!("unix:{}", path.display()))),
    };
    let services: Vec<_> = names.services.iter().map(|service| yaml(service)).collect();
    let values = [
        (r#""invites.example.org""#, yaml(&names.component)),
        (r#""^invites[.]example[.]org$""#, yaml(&format!("^{}$", literally(&names.component)))),
        (r#""conference.example.org""#, services.join(", ")),
        (r#""change me""#, yaml(&names.secret)),
        (r#""127.0.0.1""#, yaml(&address)),
        ("5347", port),
    ];
    let too_old = version.is_some_and(|version| version < EJABBERD_WITH_IQ);
    let blocks: Vec<_> = blocks_of(EJABBERD)
        .filter(|block| !(too_old && block.contains("From ejabberd 24.10 on")))
        .map(|block| filled(block, &values))
        .collect();
    blocks.join("\n\n") + "\n"
}

/// The blocks of a text, between empty lines, without the one that leads here.
fn blocks_of(template: &str) -> impl Iterator<Item = &str> {
    template.trim_end().split("\n\n").filter(|block| !block.contains("muc-invite-relay setup"))
}

/// Where the server is to listen: the address and the port.
fn listener(server: &str) -> (String, String) {
    let (host, port) = server.rsplit_once(':').unwrap_or((server, "5347"));
    let host = host.trim_matches(['[', ']']);
    let address = match host {
        "localhost" => "127.0.0.1".to_owned(),
        _ if host.parse::<IpAddr>().is_ok() => host.to_owned(),
        _ => format!("<the IP address of {host} that the relay reaches>"),
    };
    (address, port.to_owned())
}

/// Puts values in place of placeholders, in one pass: what a value says is never taken for a placeholder.
fn filled(mut text: &str, values: &[(&str, String)]) -> String {
    let mut filled = String::with_capacity(text.len());
    while let Some((at, placeholder, value)) = values
        .iter()
        .filter_map(|(placeholder, value)| Some((text.find(placeholder)?, placeholder, value)))
        .min_by_key(|(at, ..)| *at)
    {
        filled.push_str(&text[..at]);
        filled.push_str(value);
        text = &text[at + placeholder.len()..];
    }
    filled + text
}

/// A regular expression that matches this domain.
fn literally(domain: &str) -> String {
    domain.replace('.', "[.]")
}

/// A string of Lua 5.1 and later.
fn lua(text: &str) -> String {
    quoted(text, |c| {
        let bytes: Vec<_> = c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\{byte:03}")).collect();
        bytes.concat()
    })
}

/// A string of YAML.
fn yaml(text: &str) -> String {
    quoted(text, |c| format!("\\U{:08x}", u32::from(c)))
}

fn quoted(text: &str, escape: impl Fn(char) -> String) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' ' => quoted.push(c),
            _ if c.is_alphanumeric() || c.is_ascii_graphic() => quoted.push(c),
            _ => quoted.push_str(&escape(c)),
        }
    }
    quoted + "\""
}
