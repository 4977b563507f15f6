//! Notifies the service manager (systemd's `Type=notify`) of the relay's state; does nothing where there is none. Knows nothing
//! of when a state is reached.

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

/// The state in a line for people.
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

/// The service manager kills the process if [`alive`] is not called within this time; `None`: it does not.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn tell(state: &[NotifyState<'_>]) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else { return };
    let mut message = String::new();
    for state in state {
        // Writing to a string does not fail.
        let _ = writeln!(message, "{state}");
    }
    if let Err(e) = send(&socket, message.as_bytes()) {
        debug!("the service manager can't be told: {e}");
    }
}

/// Unlike sd-notify's own function it never waits: a service manager that has stopped reading must not stop the relay.
fn send(socket: &OsStr, message: &[u8]) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    let ours = UnixDatagram::unbound()?;
    ours.set_nonblocking(true)?;
    ours.send_to_addr(message, &address)?;
    Ok(())
}
