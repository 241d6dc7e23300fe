//! Groups that are about to become active.

use std::{ffi::OsString, io, path::PathBuf, sync::Arc};

use super::process::Process;
use crate::{
    config::{self, GroupKind},
    logger::Logger,
    process::fcgi::SharedSocket,
};

/// Group with its processes, ready to become active. Making one may wait; adding it does not. Dropping one that was not
/// added may wait as well: it removes the files that were made for it.
#[derive(Debug)]
pub(super) struct NewGroup {
    pub(super) config: Arc<config::Group>,
    pub(super) processes: Vec<Process>,
    /// Files that were made for its `AUTO` logs.
    pub(super) made: Vec<PathBuf>,
    socket: Option<Arc<SharedSocket>>,
}

impl Drop for NewGroup {
    fn drop(&mut self) {
        for path in &self.made {
            // The next start cleans up what is left.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl NewGroup {
    /// Make a group.
    pub(super) fn new(
        config: &Arc<config::Group>,
        supervisord: &config::Supervisord,
        environment: &[(OsString, OsString)],
    ) -> io::Result<Self> {
        let mut new = Self { config: Arc::clone(config), processes: Vec::new(), made: Vec::new(), socket: None };
        let socket = match &config.kind {
            GroupKind::Fcgi(socket) => Some(Arc::new(SharedSocket::new(socket.clone()))),
            GroupKind::Programs | GroupKind::EventListener(_) => None,
        };
        for process in config.distinct() {
            let process = Process::new(process, config, supervisord, environment, &mut new.made)?;
            new.processes.push(Process { socket: socket.clone(), ..process });
        }
        new.socket = socket;
        Ok(new)
    }

    /// Make a group of processes that another supervisord had.
    pub(super) fn adopted(config: &Arc<config::Group>, processes: Vec<Process>) -> Self {
        Self { config: Arc::clone(config), processes, made: Vec::new(), socket: None }
    }

    /// Open the group's socket, if it has one, and close it again: to fail early where it cannot be had.
    pub(super) fn try_socket(&self, logger: &Logger) -> io::Result<()> {
        self.socket.as_ref().map_or(Ok(()), |socket| socket.try_open(logger).map_err(io::Error::other))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::groups::Groups, *};
    use crate::process::fixtures;

    #[test]
    fn descriptors_of_pipes_and_logs_are_counted() {
        let mut logged = fixtures::process("logged");
        logged.stdout.logfile = config::Logfile::Path("/tmp/a".into());
        logged.stderr.logfile = config::Logfile::Path("/tmp/b".into());
        let one_log = config::Process { name: "one".to_owned(), redirect_stderr: true, ..logged.clone() };
        let group = fixtures::group("g", 1, vec![logged, one_log, fixtures::process("silent")]);
        let new = NewGroup::new(&group, &fixtures::supervisord(std::path::Path::new("/tmp")), &[]).unwrap();
        assert_eq!(new.processes.iter().map(Process::descriptors).collect::<Vec<_>>(), [5, 3, 3]);
    }

    #[test]
    fn a_group_that_is_not_added_leaves_no_files() {
        let dir = tempfile::tempdir().unwrap();
        let supervisord = fixtures::supervisord(dir.path());
        let files = || std::fs::read_dir(dir.path()).unwrap().count();
        let auto = |name: &str| {
            let mut process = fixtures::process(name);
            process.stdout.logfile = config::Logfile::Auto;
            process.stderr.logfile = config::Logfile::Auto;
            Arc::new(process)
        };
        let kind = GroupKind::Programs;
        let group =
            |processes| Arc::new(config::Group { name: "g".to_owned(), kind: kind.clone(), priority: 1, processes });

        let half = group(vec![auto("a"), auto("no/such/folder")]);
        assert!(NewGroup::new(&half, &supervisord, &[]).is_err());
        assert_eq!(files(), 0);

        let (whole, mut state) = (group(vec![auto("a")]), Groups::default());
        let mut winner = NewGroup::new(&whole, &supervisord, &[]).unwrap();
        let mut loser = NewGroup::new(&whole, &supervisord, &[]).unwrap();
        assert!(state.add(&mut winner) && !state.add(&mut loser));
        assert_eq!(files(), 4);
        drop((winner, loser));
        assert_eq!(files(), 2);
    }
}
