//! The directory in which plugins keep what has to survive a restart.

use std::{env, path::PathBuf};

use nix::unistd::{Uid, User, geteuid};

use super::options::Supervisord;

impl Supervisord {
    /// Choose the directory below which plugins have theirs: that of `plugin_data_dir=`, or else the one of the
    /// system's services for root, and that of a user's own programs for anybody else.
    ///
    /// `None` where whoever it runs as has no home.
    pub fn plugin_data(&self) -> Option<PathBuf> {
        if let Some(directory) = &self.plugin_data_dir {
            return Some(directory.clone());
        }
        // Whom it runs as, or will, which need not be whose environment it was started with.
        let uid = self.user.as_ref().map_or_else(geteuid, |user| Uid::from_raw(user.uid));
        let state = if uid.is_root() {
            PathBuf::from("/var/lib")
        } else {
            let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
            let home = || User::from_uid(uid).ok().flatten().map(|user| user.dir.join(".local/state"));
            state.or_else(home)?
        };
        Some(state.join("supervisor").join(self.identifier.replace('/', "_")))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::testing::Files;

    #[test]
    fn the_default_is_named_after_the_supervisord() {
        let of = |text| Files::ini(text).load().supervisord.plugin_data().unwrap();
        assert!(of("[supervisord]\nidentifier=one/two\n").ends_with("supervisor/one_two"));
        assert_eq!(of("[supervisord]\nuser=root\n"), std::path::Path::new("/var/lib/supervisor/supervisor"));
        assert_eq!(of("[supervisord]\nplugin_data_dir=/x\n"), std::path::Path::new("/x"));
    }
}
