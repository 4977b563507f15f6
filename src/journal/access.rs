//! Finds out why this process can't use the journal's file, if `SQLite` only says that it can't open it. Changes nothing.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfsMountFlags};
use rustix::process::geteuid;

/// What prevents the use of the file, and what to do; `None` if nothing is found.
#[must_use]
pub fn obstacle(path: &Path) -> Option<String> {
    let target = dangling(path);
    if let Some(target) = target.as_deref().filter(|target| !folder_of(target).is_dir()) {
        return Some(format!(
            "{} is a link to {}, whose folder is not there. Make the folder, or correct the link",
            path.display(),
            target.display()
        ));
    }
    let path = target.as_deref().unwrap_or(path);
    let folder = folder_of(path);
    if rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_flag.contains(StatVfsMountFlags::RDONLY)) {
        return Some(format!(
            "{} is on a file system that can only be read. Mount it for writing, or set journal.path to a file elsewhere \
             (under systemd: in StateDirectory)",
            folder.display()
        ));
    }
    let access = rustix::fs::access(folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK);
    if let (Err(_), Ok(found)) = (access, fs::metadata(folder)) {
        return Some(not_ours("the folder", folder, &found));
    }
    fs::metadata(path).ok()?;
    if let Some(why) = no_file(path) {
        return Some(why);
    }
    // SQLite keeps two more files beside the journal while it is open.
    let beside = ["", "-wal", "-shm"].map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    });
    beside.iter().find_map(|file| {
        let found = fs::metadata(file).ok()?;
        rustix::fs::access(file, Access::READ_OK | Access::WRITE_OK).err()?;
        Some(not_ours("the file", file, &found))
    })
}

/// That what stands there is no file, and what to do; `None` if it is one, or nothing is there.
#[must_use]
pub fn no_file(path: &Path) -> Option<String> {
    let found = fs::metadata(path).ok().filter(|found| !found.is_file())?;
    // Devices are not to be moved.
    let set = if found.is_dir() { "Move it away, or set" } else { "Set" };
    Some(format!(
        "{} is no file. {set} journal.path to a file, which is made at the first start",
        path.display()
    ))
}

/// What a link leads to, through further links, if nothing is there yet.
#[must_use]
pub fn dangling(path: &Path) -> Option<PathBuf> {
    /// As many as Linux follows.
    const MAX_LINKS: usize = 40;
    let mut target = path.to_owned();
    for links in 0..MAX_LINKS {
        let Ok(next) = fs::read_link(&target) else {
            return (links > 0 && fs::symlink_metadata(&target).is_err()).then_some(target);
        };
        target = folder_of(&target).join(next);
    }
    None
}

/// The owner of the folder, if this process is root and the owner is not: the relay could not use files that root creates
/// there.
#[must_use]
pub fn owned_by_another(path: &Path) -> Option<u32> {
    let owner = fs::metadata(folder_of(path)).ok()?.uid();
    (geteuid().is_root() && owner != 0).then_some(owner)
}

/// The user whom the journal's folder belongs to.
#[must_use]
pub fn owner(path: &Path) -> Option<u32> {
    Some(fs::metadata(folder_of(path)).ok()?.uid())
}

/// The words before a command that root runs it by as the user whom the journal's folder belongs to; as the packages' user if
/// that is root or can't be found out.
#[must_use]
pub fn as_owner(path: &Path) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    match fs::metadata(folder_of(path)) {
        Ok(folder) if folder.uid() != 0 => as_user(folder.uid(), folder.gid(), &users),
        _ => "runuser -u muc-invite-relay --".to_owned(),
    }
}

/// `users`: the table of users, passwd(5).
fn as_user(user: u32, group: u32, users: &str) -> String {
    let is_it = |row: &&str| row.split(':').nth(2).is_some_and(|id| id.parse() == Ok(user));
    match users.lines().find(is_it).and_then(|row| row.split(':').next()) {
        Some(name) => format!("runuser -u {name} --"),
        // runuser takes no numbers. Containers have such users.
        None => format!("setpriv --reuid {user} --regid {group} --clear-groups --"),
    }
}

/// The folder that a file is in; `.` for a name alone.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn not_ours(what: &str, path: &Path, found: &Metadata) -> String {
    let (owner, user, mode) = (found.uid(), geteuid().as_raw(), found.mode() & 0o7777);
    let shown = path.display();
    if owner == user {
        return format!(
            "{what} {shown} is this user's own and has mode {mode:04o}. Run: chmod u+rwX {shown}"
        );
    }
    let remedy = if owner == 0 {
        // Root's folder is no relay's: it was made for one.
        format!("Give it to the user that runs the relay: chown USER {shown}")
    } else {
        format!("Run it as that user, if they run the relay ({} …), or as root", as_owner(path))
    };
    format!(
        "{what} {shown} belongs to user {owner} (mode {mode:04o}), and this process is user {user}. {remedy}"
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_user_without_a_name_is_named_by_number() {
        let users = "root:x:0:0::/root:/bin/sh\nspare\nrelay:x:990:991::/:/bin/sh\n";
        assert_eq!(as_user(990, 991, users), "runuser -u relay --");
        assert_eq!(as_user(65532, 0, users), "setpriv --reuid 65532 --regid 0 --clear-groups --");
        assert_eq!(as_user(99, 99, ""), "setpriv --reuid 99 --regid 99 --clear-groups --");
    }

    #[test]
    fn a_device_is_not_to_be_moved() {
        let why = no_file(Path::new("/dev/null")).unwrap();
        assert_eq!(why, "/dev/null is no file. Set journal.path to a file, which is made at the first start");
    }

    #[test]
    fn a_link_is_followed_to_what_is_not_there() {
        use std::os::unix::fs::symlink;
        let directory = tempfile::TempDir::new().unwrap();
        let [journal, second, gone] =
            ["journal.db", "second", "gone"].map(|name| directory.path().join(name));
        assert_eq!(dangling(&journal), None);
        symlink("second", &journal).unwrap();
        assert_eq!(dangling(&journal), Some(second.clone()));
        assert_eq!(obstacle(&journal), None, "it is made there");
        symlink(gone.join("journal.db"), &second).unwrap();
        assert_eq!(dangling(&journal), Some(gone.join("journal.db")));
        assert!(obstacle(&journal).is_some_and(|it| it.contains("whose folder is not there")));
        fs::create_dir(&gone).unwrap();
        assert_eq!(obstacle(&journal), None);
        fs::write(gone.join("journal.db"), "").unwrap();
        assert_eq!(dangling(&journal), None);
        fs::remove_file(&second).unwrap();
        symlink("journal.db", &second).unwrap();
        assert_eq!(dangling(&journal), None, "a circle");
    }

    #[test]
    fn what_stands_in_the_way_is_said() {
        let directory = tempfile::TempDir::new().unwrap();
        let journal = directory.path().join("journal.db");
        assert_eq!(obstacle(&journal), None);
        fs::write(&journal, "").unwrap();
        assert_eq!(obstacle(&journal), None);
        // Root may do everything.
        if !geteuid().is_root() {
            fs::set_permissions(&journal, fs::Permissions::from_mode(0o400)).unwrap();
            assert!(obstacle(&journal).is_some_and(|it| it.contains("has mode 0400. Run: chmod")));
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o500)).unwrap();
            assert!(obstacle(&journal).is_some_and(|it| it.starts_with("the folder")));
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        }
        fs::remove_file(&journal).unwrap();
        fs::create_dir(&journal).unwrap();
        assert!(obstacle(&journal).is_some_and(|it| it.contains("is no file. Move it away")));
        let there = fs::metadata(directory.path()).unwrap();
        let text = not_ours("the file", &journal, &there);
        assert_eq!(text.contains("Run: chmod"), there.uid() == geteuid().as_raw());
    }
}
