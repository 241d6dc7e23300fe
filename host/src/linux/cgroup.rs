//! Cgroups of programs, of version 2: all that a program has started is in its cgroup, whatever it does to get away.

use std::{
    ffi::CString,
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Directory below which the cgroups of this supervisord's programs are made.
#[derive(Debug)]
pub(crate) struct Cgroups {
    base: PathBuf,
    /// Number of the last one, so that no two have one name.
    last: AtomicU64,
}

impl Cgroups {
    /// Find out whether cgroups may be made below that of this process; the error says why not. Makes the directory.
    pub(crate) fn find() -> io::Result<Self> {
        let own = own_cgroup()?;
        let base = own.join(format!("supervisord-{}", std::process::id()));
        make_directory(&base)?;
        let check = || {
            let kind = fs::read_to_string(base.join("cgroup.type"))?;
            if kind.trim() != "domain" {
                return Err(io::Error::other(format!("a cgroup below {} is a {}", own.display(), kind.trim())));
            }
            // To move a process takes the right to write into that of both.
            for directory in [&own, &base] {
                fs::File::options().write(true).open(directory.join("cgroup.procs"))?;
            }
            Ok(())
        };
        let checked = check();
        if checked.is_err() {
            // It is empty.
            let _ = fs::remove_dir(&base);
        }
        checked.map(|()| Self { base, last: AtomicU64::new(0) })
    }

    /// Return the directory below which they are made.
    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    /// Make a cgroup whose name begins so.
    pub(crate) fn make(&self, name: &str) -> io::Result<PathBuf> {
        loop {
            let number = self.last.fetch_add(1, Ordering::Relaxed);
            let path = self.base.join(format!("{name}:{number}"));
            // Whoever removes the last cgroup removes the base as well.
            make_directory(&self.base)?;
            match fs::create_dir(&path) {
                Ok(()) => return Ok(path),
                // Of a supervisord that had this pid, or that we were before a restart.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound && number < 1_000_000 => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn make_directory(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Find the directory of the cgroup in which this process is.
fn own_cgroup() -> io::Result<PathBuf> {
    let none = |what: &str| io::Error::new(io::ErrorKind::NotFound, what.to_owned());
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let (root, mount) = mounts.lines().find_map(mounted).ok_or_else(|| none("no cgroup2 is mounted"))?;
    let cgroups = fs::read_to_string("/proc/self/cgroup")?;
    let own = cgroups.lines().find_map(|line| line.strip_prefix("0::")).ok_or_else(|| none("it is in no cgroup2"))?;
    let below = Path::new(own).strip_prefix(root).map_err(|_| none("its cgroup is not mounted"))?;
    if below.components().any(|part| part == std::path::Component::ParentDir) {
        return Err(none("its cgroup is not mounted"));
    }
    Ok(Path::new(mount).join(below))
}

/// Take the root and the mount point of a line of `mountinfo`, if it is that of a cgroup2.
fn mounted(line: &str) -> Option<(&str, &str)> {
    let (mount, kind) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(3);
    kind.starts_with("cgroup2 ").then(|| fields.next().zip(fields.next()))?
}

/// Return the file through which a process enters the cgroup.
pub(crate) fn entrance(cgroup: &Path) -> Option<CString> {
    CString::new(cgroup.join("cgroup.procs").as_os_str().as_bytes()).ok()
}

/// List the processes in a cgroup, without those in cgroups below it.
pub(crate) fn processes(cgroup: &Path) -> Vec<i32> {
    let listed = fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
    listed.lines().filter_map(|pid| pid.parse().ok()).collect()
}

/// Kill all processes of a cgroup and of those below it, and remove it. Return whether it is gone: it is not at once.
pub(crate) fn end(cgroup: &Path) -> bool {
    if let Err(error) = fs::write(cgroup.join("cgroup.kill"), "1")
        && error.kind() == io::ErrorKind::NotFound
    {
        // A kernel before 5.14, or it is gone.
        kill_each(cgroup);
    }
    remove(cgroup);
    let is_gone = !cgroup.exists();
    if is_gone && let Some(base) = cgroup.parent() {
        // It goes with the last.
        let _ = fs::remove_dir(base);
    }
    is_gone
}

fn below(cgroup: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(cgroup).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}

fn kill_each(cgroup: &Path) {
    for pid in processes(cgroup).into_iter().filter(|pid| *pid > 0) {
        // Who is gone needs no signal.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    below(cgroup).for_each(|cgroup| kill_each(&cgroup));
}

/// Remove a cgroup and those below it, as far as nobody is in them.
fn remove(cgroup: &Path) {
    below(cgroup).for_each(|cgroup| remove(&cgroup));
    let _ = fs::remove_dir(cgroup);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_of_version_2_is_found() {
        let line = "42 30 0:26 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw";
        assert_eq!(mounted(line), Some(("/", "/sys/fs/cgroup/unified")));
        assert_eq!(mounted("35 32 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu"), None);
        assert_eq!(mounted("nonsense"), None);
    }

    #[test]
    fn what_is_in_a_cgroup_is_killed_and_the_cgroup_goes() {
        let Ok(cgroups) = Cgroups::find() else {
            // Here none may be made; the behaviour tests have the other way.
            return;
        };
        let cgroup = cgroups.make("g:x").unwrap();
        let mut child = std::process::Command::new("/bin/sleep").arg("1000").spawn().unwrap();
        fs::write(cgroup.join("cgroup.procs"), child.id().to_string()).unwrap();
        assert_eq!(processes(&cgroup), [i32::try_from(child.id()).unwrap()]);
        assert!(!end(&cgroup) || !cgroup.exists());
        assert!(!child.wait().unwrap().success());
        while !end(&cgroup) {
            std::thread::yield_now();
        }
        assert!(!cgroup.exists());
    }
}
