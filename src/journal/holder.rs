//! Whether a process has the journal open: `SQLite`'s own lock tells, as long as the process lives and without its help.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;

use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};

/// The byte of the shared memory that every process with an open database in WAL mode holds (`SQLite`'s `UNIX_SHM_DMS`).
const HELD: u64 = 128;

/// The process that has the journal open, 0 if it is in another container; `None` if none has, or nobody can tell. To be
/// asked by a process that has not opened it itself.
#[must_use]
pub fn holder(path: &Path) -> Option<i32> {
    let mut memory = OsString::from(path);
    memory.push("-shm");
    // For reading only: a lock for writing is asked about, and never taken.
    let file = File::open(memory).ok()?;
    let mut lock = Flock::from(FlockType::WriteLock);
    lock.offset_type = FlockOffsetType::Set;
    (lock.start, lock.length) = (HELD, 1);
    let held = fcntl_getlk(&file, &lock).ok()??;
    Some(held.pid.map_or(0, |pid| pid.as_raw_nonzero().get()))
}
