//! Who else can change the files that the configuration is in, or put others in their place: by doing so they decide what the
//! relay does. Knows nothing of what is in the files.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::finding::{Finding, What};
use crate::config::Config;
use crate::journal::{self, folder_of};

const WRITTEN_BY_OTHERS: u32 = 0o002;
/// In a folder with this bit only the owner of a file can replace it.
const STICKY: u32 = 0o1000;

/// Where Docker, Podman and Compose put the secrets of a container, with the owner that the file has on the host, and with mode
/// 0444 unless they are told otherwise. Only the users of that one container can get at them there.
const CONTAINER_SECRETS: [&str; 2] = ["/run/secrets", "/var/run/secrets"];

/// Whether a file is a secret of this container.
pub(super) fn is_of_container(path: &Path) -> bool {
    CONTAINER_SECRETS.iter().any(|at| path.starts_with(at))
}

/// The users who may change the configuration.
#[derive(Debug)]
pub(super) struct Trusted(pub(super) Vec<u32>);

impl Trusted {
    /// Root, the user of this process, and the one whom the journal's folder belongs to: the relay's own.
    pub(super) fn of(config: &Config) -> Self {
        let all = [Some(0), Some(geteuid().as_raw()), journal::owner(&config.journal.socket)];
        Self(all.into_iter().flatten().collect())
    }

    /// The finding about a file that others can change, or replace in its folder or in that of the file that it leads to; `None`
    /// also if it is gone.
    pub(super) fn changed_by_others(&self, path: &Path) -> Option<Finding> {
        let finding = Finding::of(What::Secret, path.display().to_string());
        let (file, shown) = (fs::metadata(path).ok()?, path.display());
        let mode = file.mode() & 0o777;
        if mode & WRITTEN_BY_OTHERS != 0 {
            return Some(finding.missing(
                format!(
                    "has mode {mode:04o}, so every user of this machine can change it, and with it what the relay does"
                ),
                format!("chmod o= {shown}"),
            ));
        }
        let folders = folders_of(path);
        let owner =
            || {
                let owner = self.another_owner(&file).filter(|_| !is_of_container(path))?;
                Some(finding.note(format!(
                    "belongs to user {owner}, who can change it, and with it what the relay does"
                )))
            };
        let open = folders.iter().find_map(|folder| open_folder(path, folder));
        open.or_else(owner).or_else(|| folders.iter().find_map(|folder| self.folder_of_another(path, folder)))
    }

    /// The finding about the folder of more files, whose files are read if there are any.
    pub(super) fn more_by_others(&self, folder: &Path) -> Option<Finding> {
        let finding = Finding::of(What::Secret, folder.display().to_string());
        let (found, shown) = (fs::metadata(folder).ok().filter(Metadata::is_dir)?, folder.display());
        // The sticky bit keeps nobody from making a new file.
        let mode = found.mode() & 0o7777;
        if mode & WRITTEN_BY_OTHERS != 0 {
            return Some(finding.missing(
                format!(
                    "has mode {mode:04o}, so every user of this machine can put a file there that is read, and with it change \
                     what the relay does"
                ),
                format!("chmod o-w {shown}"),
            ));
        }
        let owner = || {
            let owner = self.another_owner(&found)?;
            Some(finding.note(format!(
                "belongs to user {owner}, who can put a file there that is read, and with it change what the relay does"
            )))
        };
        folders_of(folder).iter().find_map(|above| open_folder(folder, above)).or_else(owner)
    }

    fn another_owner(&self, found: &Metadata) -> Option<u32> {
        Some(found.uid()).filter(|owner| !self.0.contains(owner))
    }

    /// A note about a folder that is somebody else's.
    fn folder_of_another(&self, path: &Path, folder: &Path) -> Option<Finding> {
        let owner = self.another_owner(&fs::metadata(folder).ok()?)?;
        let (stands, shown) = (stands(path, folder), folder.display());
        Some(Finding::of(What::Secret, path.display().to_string()).note(format!(
            "{stands} in the folder {shown} of user {owner}, who can put another file in its place"
        )))
    }
}

/// The finding about a folder in which everybody can put another file in the place of this one.
fn open_folder(path: &Path, folder: &Path) -> Option<Finding> {
    let mode = fs::metadata(folder).ok()?.mode() & 0o7777;
    let (stands, shown) = (stands(path, folder), folder.display());
    (mode & WRITTEN_BY_OTHERS != 0 && mode & STICKY == 0).then(|| {
        Finding::of(What::Secret, path.display().to_string()).missing(
            format!(
                "{stands} in the folder {shown} with mode {mode:04o}, so every user of this machine can put another file in \
                 its place"
            ),
            format!("chmod o-w {shown}"),
        )
    })
}

fn stands(path: &Path, folder: &Path) -> &'static str {
    if folder == folder_of(path) { "stands" } else { "is a link to what stands" }
}

/// The folder that a path names, and that of the file that it leads to, if it is another one.
fn folders_of(path: &Path) -> Vec<PathBuf> {
    let named = folder_of(path).to_owned();
    let is_same = |real: &PathBuf| fs::canonicalize(&named).is_ok_and(|named| named == *real);
    let real = fs::canonicalize(path).ok().map(|file| folder_of(&file).to_owned());
    let real = real.filter(|real| !is_same(real));
    std::iter::once(named).chain(real).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// What stands in the finding about a path.
    fn found(trusted: &Trusted, path: &Path) -> Option<String> {
        trusted.changed_by_others(path).map(|it| it.found)
    }

    fn me() -> Trusted {
        Trusted(vec![0, geteuid().as_raw()])
    }

    #[test]
    fn what_a_link_leads_to_is_looked_at() {
        let directory = tempfile::TempDir::new().unwrap();
        let [safe, open] = ["safe", "open"].map(|name| directory.path().join(name));
        for folder in [&safe, &open] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("file"), "").unwrap();
            set(&folder.join("file"), 0o600);
        }
        symlink(open.join("file"), safe.join("link")).unwrap();
        symlink("file", safe.join("beside")).unwrap();
        set(&open, 0o755);
        assert_eq!(found(&me(), &safe.join("link")), None);
        set(&open, 0o1777);
        assert_eq!(found(&me(), &safe.join("link")), None);
        set(&open, 0o777);
        let link = found(&me(), &safe.join("link")).unwrap();
        assert!(
            link.starts_with("is a link to what stands in the folder ") && link.contains("0777"),
            "{link}"
        );
        assert!(found(&me(), &open.join("file")).unwrap().starts_with("stands in the folder "));
        for name in ["file", "beside", "absent"] {
            assert_eq!(found(&me(), &safe.join(name)), None, "{name}");
        }
    }

    #[test]
    fn who_is_neither_root_nor_the_relay_owns_nothing() {
        let directory = tempfile::TempDir::new().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        set(&file, 0o600);
        let owner = geteuid().as_raw();
        assert_eq!(found(&Trusted(vec![owner]), &file), None);
        let of_another = format!("belongs to user {owner}, who can change it");
        assert!(found(&Trusted(vec![owner + 1]), &file).unwrap().starts_with(&of_another));
        let folder = Trusted(vec![owner + 1]).folder_of_another(&file, directory.path()).unwrap();
        assert!(folder.found.contains(&format!("of user {owner}, who can put another file")), "{folder:?}");
    }

    #[test]
    fn everybody_can_add_a_file_to_an_open_folder() {
        let directory = tempfile::TempDir::new().unwrap();
        let folder = directory.path().join("conf.d");
        assert!(me().more_by_others(&folder).is_none());
        fs::create_dir(&folder).unwrap();
        for (mode, is_open) in [(0o755, false), (0o775, false), (0o777, true), (0o1777, true), (0o703, true)]
        {
            set(&folder, mode);
            let found = me().more_by_others(&folder);
            assert_eq!(found.is_some(), is_open, "{mode:o}: {found:?}");
        }
        set(&folder, 0o755);
        assert!(Trusted(vec![geteuid().as_raw() + 1]).more_by_others(&folder).is_some());
    }
}
