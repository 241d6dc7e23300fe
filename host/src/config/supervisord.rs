//! `[supervisord]`, with what the command line puts in its place.

use std::path::{Path, PathBuf};

use super::{
    accounts,
    error::ConfigError,
    expand::Names,
    option::Stage,
    options::{Supervisord, supervisord as options},
    overrides::Overrides,
    paths::normalize_path,
    reader::Reader,
    sections::Raw,
    types::{Logfile, User},
    variables::Variables,
};

/// The section as the file and the command line give it. Its `user` and `serverurl` are found out later, by
/// [`user`] and from the servers, because Supervisor reports errors in that order.
///
/// `names` are those that the second expansion of `environment` knows.
pub(super) fn supervisord(reader: &Reader<'_>, names: &Names, overrides: &Overrides) -> Supervisord {
    let mut supervisord = Supervisord::default();
    supervisord.read(reader, Stage::First);
    (supervisord.env_file, supervisord.environment) = reader.env_files(&options::env_file);
    supervisord.environment.extend(environment(reader, names));
    supervisord.read(reader, Stage::Last);
    for directory in &mut supervisord.plugin_path {
        *directory = reader.beside(options::plugin_path.key, directory);
    }
    let data_dir = supervisord.plugin_data_dir.take();
    supervisord.plugin_data_dir = data_dir.map(|directory| reader.beside(options::plugin_data_dir.key, &directory));

    overrides.apply(&mut supervisord);
    if let Logfile::Path(path) = &mut supervisord.logfile {
        *path = normalized(path);
    }
    supervisord.pidfile = normalized(&supervisord.pidfile);
    // Supervisor makes the names of AUTO logs absolute before it changes its directory.
    supervisord.childlogdir = normalized(&supervisord.childlogdir);
    supervisord
}

/// The user to switch to, from the command line or the file.
pub(super) fn user(reader: &Reader<'_>, overrides: &Overrides) -> Result<Option<User>, ConfigError> {
    if let Some(name) = &overrides.user {
        return accounts::user(name).map(Some).map_err(ConfigError::new);
    }
    Ok(reader.find(&options::user))
}

/// `environment=`, which Supervisor expands twice in this section.
fn environment(reader: &Reader<'_>, names: &Names) -> Variables {
    let option = &options::environment;
    match reader.entry(option.key).map(|entry| &entry.raw) {
        Some(Raw::Table(_) | Raw::List(_)) => reader.environment(option),
        _ => reader.find_expanded_twice(option, names).unwrap_or_default(),
    }
}

/// A path as Supervisor's `normalize_path` makes it.
fn normalized(path: &Path) -> PathBuf {
    PathBuf::from(normalize_path(&path.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        Config, GroupKind, Level,
        paths::temporary_directory,
        testing::{Files, group},
    };

    fn load(lines: &str) -> Config {
        Files::with(lines).load()
    }

    #[test]
    fn defaults_are_supervisors() {
        let supervisord = load("").supervisord;
        let cwd = std::env::current_dir().unwrap();
        assert_eq!(supervisord.logfile, Logfile::Path(cwd.join("supervisord.log")));
        assert_eq!((supervisord.logfile_maxbytes, supervisord.logfile_backups), (50 << 20, 10));
        assert_eq!(supervisord.loglevel, Level::Info);
        assert_eq!(supervisord.pidfile, cwd.join("supervisord.pid"));
        assert_eq!(supervisord.umask, 0o22);
        assert_eq!((supervisord.minfds, supervisord.minprocs), (1024, 200));
        assert_eq!(supervisord.identifier, "supervisor");
        assert_eq!(supervisord.childlogdir, temporary_directory());
        assert!(!(supervisord.nodaemon || supervisord.silent || supervisord.nocleanup || supervisord.strip_ansi));
        assert_eq!((supervisord.user, supervisord.directory, supervisord.plugin_data_dir), (None, None, None));
    }

    #[test]
    fn values_are_resolved() {
        let files = Files::with(
            "logfile=%(here)s/a/../x.log\nidentifier=%(ENV_X)s-%(here)s\nnodaemon=on\nuser=root\numask=077\n\
             environment=B=\"%(here)s\",A=\"%%(host_node_name)s\"\ndirectory=%(here)s\nchildlogdir=%(here)s\n\
             plugin_path=plugins:/opt/p, ~root/q\nplugin_data_dir=data/../state\n",
        )
        .file("a/x", "");
        let supervisord = files.load().supervisord;
        let here = files.here();
        assert_eq!(supervisord.logfile, Logfile::Path(files.path("x.log")));
        assert_eq!(supervisord.identifier, format!("x-{here}"));
        assert!(supervisord.nodaemon);
        assert_eq!(supervisord.user.unwrap().uid, 0);
        assert_eq!(supervisord.umask, 0o77);
        let environment = [("B", &*here), ("A", "thishost")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(*supervisord.environment, environment);
        assert_eq!(supervisord.directory, Some(here.clone().into()));
        assert_eq!(supervisord.plugin_data_dir, Some(files.path("state")));
        assert_eq!(supervisord.plugin_path, [files.path("plugins"), "/opt/p".into(), "/root/q".into()]);
    }

    #[test]
    fn what_cannot_be_expanded_twice_is_expanded_once() {
        let value = |text: &str| {
            let environment = load(&format!("environment=A=\"{text}\"\n")).supervisord.environment;
            environment.into_iter().next().map(|(_, value)| value).unwrap()
        };
        for (text, expected) in [
            ("bar_%%s_%%s", "bar_%s_%s"),
            ("100%%", "100%"),
            ("%(ENV_PERCENT)s", "100%"),
            ("%%(asctime)s %(ENV_X)s", "%(asctime)s x"),
            // What Supervisor reads means what it means there.
            ("%%%%s", "%s"),
            ("%%(ENV_X)s", "x"),
            ("%%%%%%%%", "%%"),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
        assert!(Files::with("environment=A=\"%d\"\n").error().contains("badly formatted"));
    }

    #[test]
    fn every_key_knows_where_the_config_is() {
        let files = Files::with(
            "logfile=%(here)s/%(host_node_name)s.log\npidfile=%(here)s/%(host_node_name)s.pid\n\
             identifier=%(host_node_name)s\nchildlogdir=%(here)s/%(host_node_name)s\n\
             directory=%(here)s/%(host_node_name)s\nplugin_path=%(host_node_name)s\n\
             plugin_data_dir=%(host_node_name)s\nenvironment=A=\"%(here)s\",B=\"%(host_node_name)s\"\n\
             [rpcinterface:x]\nsupervisor.rpcinterface_factory=x:make\nkey=%(host_node_name)s\n\
             [fcgi-program:f]\ncommand=f\nsocket=unix://%(here)s/%(host_node_name)s\n\
             [program:thishost]\ncommand=x\n[group:g]\nprograms=%(host_node_name)s\n",
        )
        .file("thishost/x", "");
        let config = files.load();
        let supervisord = &config.supervisord;
        assert_eq!(supervisord.logfile, Logfile::Path(files.path("thishost.log")));
        assert_eq!((&supervisord.pidfile, &*supervisord.identifier), (&files.path("thishost.pid"), "thishost"));
        let directory = files.path("thishost");
        assert_eq!((&supervisord.childlogdir, supervisord.directory.as_ref()), (&directory, Some(&directory)));
        assert_eq!((&supervisord.plugin_path[0], supervisord.plugin_data_dir.as_ref()), (&directory, Some(&directory)));
        assert_eq!(supervisord.environment[1], ("B".to_owned(), "thishost".to_owned()));
        assert_eq!(config.rpcinterfaces[0].options[0].value, "thishost");
        assert_eq!(group(&config, "g").processes[0].name, "thishost");
        let GroupKind::Fcgi(socket) = &group(&config, "f").kind else { panic!("{config:?}") };
        assert_eq!(socket.to_string(), format!("unix://{}", directory.display()));
    }

    #[test]
    fn the_command_line_wins() {
        let files = Files::with("umask=077\nloglevel=warn\nlogfile=/tmp/a.log\nidentifier=a\nuser=no-such-user\n");
        let mut overrides = Overrides::default();
        for (option, value) in
            [("-m", Some("027")), ("-l", Some("/tmp/b.log")), ("-i", Some("b")), ("-n", None), ("-u", Some("root"))]
        {
            overrides.set(option, value).unwrap();
        }
        let supervisord = files.load_with(&overrides).unwrap().supervisord;
        assert_eq!(supervisord.umask, 0o27);
        assert_eq!(supervisord.loglevel, Level::Warn);
        assert_eq!(supervisord.logfile, Logfile::Path("/tmp/b.log".into()));
        assert_eq!(supervisord.identifier, "b");
        assert!(supervisord.nodaemon);
        assert_eq!(supervisord.user.unwrap().uid, 0);
    }

    #[test]
    fn errors_are_supervisors_and_have_a_place() {
        let files = Files::with("minfds=x\nnodaemon=maybe\nlogfile=/nope/x\nuser=no-such-user\n");
        assert_eq!(
            files.report(),
            "invalid literal for int() with base 10: 'x'\n  at HERE/main.conf, line 2: minfds in [supervisord] takes a whole number\n\
             The directory named as part of the path /nope/x does not exist\n  \
             at HERE/main.conf, line 4: logfile in [supervisord] takes a file in a directory that exists, or syslog\n\
             not a valid boolean value: 'maybe'\n  at HERE/main.conf, line 3: nodaemon in [supervisord] takes true or \
             false\n\
             Invalid user name no-such-user\n  at HERE/main.conf, line 5: user in [supervisord]\n"
        );
        assert_eq!(
            Files::with("identifier=%(nope)s\n").error(),
            "Format string '%(nope)s' for 'supervisord.identifier' contains names ('nope') which cannot be expanded. \
             Available names: ENV_PERCENT, ENV_X, here"
        );
    }

    #[test]
    fn the_log_may_be_syslog() {
        assert_eq!(load("logfile=syslog\n").supervisord.logfile, Logfile::Syslog);
        let mut overrides = Overrides::default();
        overrides.set("-l", Some("syslog")).unwrap();
        assert_eq!(Files::with("").load_with(&overrides).unwrap().supervisord.logfile, Logfile::Syslog);
    }
}
