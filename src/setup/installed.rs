//! Which version of a server is on this machine: asks the package database, looks for the server's files, and asks its own
//! command, within some seconds. Knows nothing of what the version changes.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::printed::{Make, Version};

/// For each command. `ejabberdctl` starts an Erlang node of its own, which takes some seconds.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);
/// How often it is looked whether a command has ended.
const COMMAND_POLL: Duration = Duration::from_millis(20);
/// More of a command's output is not read.
const MAX_OUTPUT_BYTES: u64 = 4096;

/// The version, and who says so; `None` if the server is not found.
#[must_use]
pub fn installed(make: Make) -> Option<(Version, &'static str)> {
    package(make)
        .map(|version| (version, "the package database"))
        .or_else(|| files(make).map(|version| (version, "the files of the server")))
        .or_else(|| command(make))
}

fn package(make: Make) -> Option<Version> {
    let names: &[&str] = match make {
        Make::Prosody => &["prosody", "prosody-13.0", "prosody-0.12", "prosody-trunk"],
        Make::Ejabberd => &["ejabberd"],
    };
    let dpkg = output("dpkg-query", &[&["-W", "-f", "${db:Status-Status} ${Version}\n"], names].concat());
    let in_dpkg = dpkg.iter().flat_map(|said| said.lines());
    let in_dpkg = in_dpkg.filter_map(|line| line.strip_prefix("installed ")).find_map(of_package);
    in_dpkg.or_else(|| {
        let rpm = output("rpm", &[&["-q", "--qf", "%{VERSION}\n"], names].concat())?;
        rpm.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).find_map(of_package)
    })
}

/// The version of a package may have an epoch in front.
fn of_package(text: &str) -> Option<Version> {
    Version::of(text.split_once(':').map_or(text, |(_, version)| version))
}

fn files(make: Make) -> Option<Version> {
    match make {
        Make::Prosody => ["/usr/lib/prosody", "/usr/local/lib/prosody"].iter().find_map(|folder| {
            Version::of(&fs::read_to_string(Path::new(folder).join("prosody.version")).ok()?)
        }),
        // The installer's, and those of distributions and of `make install`.
        Make::Ejabberd => ["/opt", "/lib", "/usr/lib", "/usr/local/lib"].iter().find_map(|folder| {
            let names =
                fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            names.filter_map(|name| Version::of(name.strip_prefix("ejabberd-")?)).max()
        }),
    }
}

fn command(make: Make) -> Option<(Version, &'static str)> {
    match make {
        Make::Prosody => {
            let said = output("prosodyctl", &["about"])?;
            let line = said.lines().find_map(|line| line.trim().strip_prefix("Prosody "))?;
            Some((Version::of(line)?, "`prosodyctl about`"))
        }
        Make::Ejabberd => {
            let said = output("ejabberdctl", &["status"])?;
            let line = said.lines().find_map(|line| line.trim().strip_prefix("ejabberd "))?;
            Some((Version::of(line)?, "`ejabberdctl status`"))
        }
    }
}

/// What the command writes to its standard output; `None` if it is not there, or does not end in time.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let deadline = Instant::now() + COMMAND_TIMEOUT;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    // Fails for packages that are not there; what it says of the others counts.
    while !matches!(child.try_wait(), Ok(Some(_))) {
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        sleep(COMMAND_POLL);
    }
    let mut said = Vec::new();
    child.stdout.take()?.take(MAX_OUTPUT_BYTES).read_to_end(&mut said).ok()?;
    Some(String::from_utf8_lossy(&said).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_packages() {
        for (text, expected) in [
            ("23.01-1", Some(Version(23, 1))),
            ("1:0.12.3-1+deb12u1", Some(Version(0, 12))),
            ("13.0.6-1~bpo12+1", Some(Version(13, 0))),
            ("nothing", None),
        ] {
            assert_eq!(of_package(text), expected, "{text}");
        }
    }

    #[test]
    fn what_does_not_end_or_is_not_there_says_nothing() {
        assert_eq!(output("/nowhere/dpkg-query", &[]), None);
        assert_eq!(output("echo", &["installed 1.2"]).as_deref(), Some("installed 1.2\n"));
    }
}
