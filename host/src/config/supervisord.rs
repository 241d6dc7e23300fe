//! `[supervisord]`, with what the command line puts in its place.

use std::path::PathBuf;

use super::{
    Logfile, Overrides, Supervisord, User, accounts, datatypes,
    error::ConfigError,
    expand::Names,
    options::supervisord as options,
    paths::{expanduser, normalize_path, temporary_directory},
    reader::Reader,
    sections::{Raw, Section},
};

/// The section as the file and the command line give it. Its `user` and `serverurl` are found out later, by
/// [`user`] and from the servers, because Supervisor reports errors in that order.
///
/// `names` are those that the second expansion of `environment` knows.
pub(super) fn supervisord(reader: &Reader<'_>, names: &Names, overrides: &Overrides) -> Supervisord {
    // In Supervisor's order, which decides which of several errors comes first.
    let minfds = reader.get(&options::minfds);
    let minprocs = reader.get(&options::minprocs);
    let directory = reader.find(&options::directory);
    let umask = reader.get(&options::umask);
    let logfile = reader.get(&options::logfile);
    let logfile_maxbytes = reader.get(&options::logfile_maxbytes);
    let logfile_backups = reader.get(&options::logfile_backups);
    let loglevel = reader.get(&options::loglevel);
    let pidfile = reader.get(&options::pidfile);
    let identifier = reader.get(&options::identifier);
    let nodaemon = reader.get(&options::nodaemon);
    let silent = reader.get(&options::silent);
    let childlogdir = reader.find(&options::childlogdir).unwrap_or_else(temporary_directory);
    let nocleanup = reader.get(&options::nocleanup);
    let strip_ansi = reader.get(&options::strip_ansi);
    let environment = environment(reader, names);

    let overrides = overrides.clone();
    Supervisord {
        logfile: match overrides.logfile.unwrap_or(logfile) {
            Logfile::Path(path) => Logfile::Path(normalized(&path)),
            other => other,
        },
        logfile_maxbytes: overrides.logfile_maxbytes.unwrap_or(logfile_maxbytes),
        logfile_backups: overrides.logfile_backups.unwrap_or(logfile_backups),
        loglevel: overrides.loglevel.unwrap_or(loglevel),
        pidfile: normalized(&overrides.pidfile.unwrap_or(pidfile)),
        umask: overrides.umask.unwrap_or(umask),
        nodaemon: overrides.nodaemon || nodaemon,
        silent: overrides.silent || silent,
        minfds: overrides.minfds.unwrap_or(minfds),
        minprocs: overrides.minprocs.unwrap_or(minprocs),
        nocleanup: overrides.nocleanup || nocleanup,
        // Supervisor makes the names of AUTO logs absolute before it changes its directory.
        childlogdir: normalized(&overrides.childlogdir.unwrap_or(childlogdir)),
        user: None,
        directory: overrides.directory.or(directory),
        strip_ansi: overrides.strip_ansi || strip_ansi,
        environment,
        identifier: overrides.identifier.unwrap_or(identifier),
        plugin_path: plugin_path(reader, reader.get_list(&options::plugin_path)),
        serverurl: None,
    }
}

/// The user to switch to, from the command line or the file.
pub(super) fn user(reader: &Reader<'_>, overrides: &Overrides) -> Result<Option<User>, ConfigError> {
    if let Some(name) = &overrides.user {
        return accounts::user(name).map(Some).map_err(ConfigError::new);
    }
    Ok(reader.find(&options::user).and_then(|name| reader.check(options::user.key, accounts::user(&name))))
}

/// `environment=`, which Supervisor expands twice in this section: first as any value, then by the name of its key and
/// with `%(host_node_name)s` known.
fn environment(reader: &Reader<'_>, names: &Names) -> Vec<(String, String)> {
    let key = options::environment.key;
    if let Some(Raw::Table(_)) = reader.entry(key).map(|entry| &entry.raw) {
        return reader.environment(&options::environment).into_iter().collect();
    }
    reader
        .text(key)
        .and_then(|text| reader.check(key, names.expand(&text, key)))
        .and_then(|text| reader.check(key, datatypes::environment(&text)))
        .unwrap_or_default()
        .into_iter()
        .collect()
}

/// Directories of `plugin_path=`, relative ones taken from the file in which the key stands.
pub(super) fn plugin_path(reader: &Reader<'_>, directories: Vec<String>) -> Vec<PathBuf> {
    let from = |section: &Section| section.place.directory().to_owned();
    let base = reader
        .entry(options::plugin_path.key)
        .map_or_else(|| from(reader.section), |entry| entry.place.directory().to_owned());
    directories.iter().map(|directory| normalized(&base.join(expanduser(directory)))).collect()
}

/// A path as Supervisor's `normalize_path` makes it.
pub(super) fn normalized(path: &std::path::Path) -> PathBuf {
    PathBuf::from(normalize_path(&path.to_string_lossy()))
}
