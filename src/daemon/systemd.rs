//! What the service manager is told, where there is one that wants to know (systemd's `Type=notify`). Elsewhere nothing
//! happens. Knows nothing of what any of it means.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

/// The service is up.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The service reads its configuration again; [`ready`] follows when it has.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(e) => debug!("no monotonic clock: {e}"),
    }
}

/// How it goes, in a line for people.
pub fn status(line: &str) {
    tell(&[NotifyState::Status(line)]);
}

/// The service is ending.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The service is alive.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// In which time the service manager must hear [`alive`], or it kills the process; `None`: it does not watch.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn tell(state: &[NotifyState<'_>]) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else { return };
    let mut said = String::new();
    for state in state {
        // Writing to a text does not fail.
        let _ = writeln!(said, "{state}");
    }
    if let Err(e) = send(&socket, said.as_bytes()) {
        debug!("the service manager can't be told: {e}");
    }
}

/// Never waits, as sd-notify's own function does: a service manager that has stopped reading must not stop the relay.
fn send(socket: &OsStr, said: &[u8]) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    let ours = UnixDatagram::unbound()?;
    ours.set_nonblocking(true)?;
    ours.send_to_addr(said, &address)?;
    Ok(())
}
