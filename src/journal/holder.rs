//! Which process has the journal open, according to the lock that `SQLite` holds. Needs no answer from that process.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;

use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};

/// The byte of the shared memory that every process with an open database in WAL mode holds (`SQLite`'s `UNIX_SHM_DMS`).
const OPEN_DATABASE_LOCK_BYTE: u64 = 128;

/// The id of the process that has the journal open, 0 if it is in another container; `None` if there is none, or it can't be
/// found out. Only for processes that have not opened the journal themselves.
#[must_use]
pub fn holder(path: &Path) -> Option<i32> {
    let mut memory = OsString::from(path);
    memory.push("-shm");
    // Opened for reading: the lock is only looked at, never taken.
    let file = File::open(memory).ok()?;
    let mut lock = Flock::from(FlockType::WriteLock);
    lock.offset_type = FlockOffsetType::Set;
    (lock.start, lock.length) = (OPEN_DATABASE_LOCK_BYTE, 1);
    let held = fcntl_getlk(&file, &lock).ok()??;
    Some(held.pid.map_or(0, |pid| pid.as_raw_nonzero().get()))
}
