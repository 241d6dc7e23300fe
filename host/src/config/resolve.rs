//! Making of a [`Config`] out of sections.

use std::{cell::RefCell, path::Path};

use super::{
    dependencies,
    error::{Collector, ConfigError, ConfigErrors},
    expand::Names,
    groups, include,
    model::{Config, Library},
    overrides::Overrides,
    paths::{absolute, dirname},
    plugins::{self, RPCINTERFACE},
    programs::Programs,
    reader::Reader,
    sections::Sections,
    servers, supervisord,
    types::{Level, Message},
    unknown,
};

/// Surroundings that a config takes names from: the environment and the host.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    /// `ENV_…` for each variable of the environment.
    pub(super) names: Names,
    /// Name of this host.
    pub(super) host_node_name: String,
}

impl Surroundings {
    /// Take the surroundings of this process.
    pub(super) fn of_this_process() -> Self {
        let mut names = Names::default();
        for (name, value) in std::env::vars_os() {
            let name = format!("ENV_{}", name.to_string_lossy());
            // Of a name that is there twice the first counts, as it does to libc and to Python.
            if names.get(&name).is_none() {
                names.set(name, &*value.to_string_lossy());
            }
        }
        let host_node_name =
            nix::unistd::gethostname().map_or_else(|_| String::new(), |name| name.to_string_lossy().into());
        Self { names: names.freeze(), host_node_name }
    }
}

impl Config {
    /// Load what supervisord needs from the config file at `path`, its includes, and the command line.
    ///
    /// `path` is shown in messages as it is given. A name that ends in `.toml` is TOML, all others are INI.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, ConfigErrors> {
        load(path, overrides, Surroundings::of_this_process())
    }
}

/// Load as [`Config::load`] does, with surroundings that a test can choose.
pub(super) fn load(path: &Path, overrides: &Overrides, surroundings: Surroundings) -> Result<Config, ConfigErrors> {
    let (config, errors) = resolve(path, overrides, surroundings)?;
    errors.map(|()| config)
}

/// Resolve a config as far as that goes, beside the errors in it. The outer error is one that hides all else.
pub(super) fn resolve(
    path: &Path,
    overrides: &Overrides,
    surroundings: Surroundings,
) -> Result<(Config, Result<(), ConfigErrors>), ConfigErrors> {
    let given = path.to_string_lossy();
    let sections = include::read_main(&given)?;
    of_sections(&given, sections, overrides, surroundings)
}

/// Resolve the sections of the main file at `given`, and those of its includes.
pub(super) fn of_sections(
    given: &str,
    mut sections: Sections,
    overrides: &Overrides,
    surroundings: Surroundings,
) -> Result<(Config, Result<(), ConfigErrors>), ConfigErrors> {
    let file = absolute(given);
    let here = dirname(&file);
    let Surroundings { names, host_node_name } = surroundings;
    let mut names = names.at(here, &host_node_name);
    // Those that Supervisor looks in last come first in its list.
    let of_host = names.after([("here", here.into()), ("host_node_name", host_node_name.as_str().into())]);
    let included = include::read_included(given, here, &of_host, &mut sections);
    let errors = Collector::default();
    if !(included.errors.is_empty() && included.denied.is_empty()) {
        // What a lost file would have said is better not guessed at.
        included.errors.into_iter().chain(included.denied).for_each(|error| errors.push(error));
        return Err(errors.finish(()).expect_err("there was at least one"));
    }
    let section = sections.get("supervisord").ok_or_else(|| missing("supervisord", given))?;

    let reader = Reader::new(&sections, section, names.with([("here", here.into())]), &errors);
    let mut supervisord = supervisord::supervisord(&reader, &of_host, overrides);
    for (name, value) in &supervisord.environment {
        names.set(format!("ENV_{name}"), value.as_str());
    }
    let names = names.freeze();
    let rpcinterfaces = plugins::plugins(RPCINTERFACE, &sections, &names.with([("here", here.into())]), &errors);
    let messages = RefCell::new(included.messages);
    let groups = groups::groups(&Programs {
        sections: &sections,
        names: &names,
        here,
        host_node_name: &host_node_name,
        environment: &supervisord.environment,
        errors: &errors,
        messages: &messages,
        has_plugins: rpcinterfaces.iter().any(|plugin| plugin.factory.library != Library::BuiltIn),
    });
    let every_group: Vec<_> = groups.iter().map(|group| &**group).collect();
    dependencies::check(&every_group, &sections, &errors, |_, _| true);
    let servers = servers::servers(&sections, here, &names, &errors);
    supervisord.serverurl = servers::serverurl(&servers);
    match supervisord::user(&reader, overrides) {
        Ok(user) => supervisord.user = user,
        Err(error) => errors.push(error),
    }

    let mut messages = messages.into_inner();
    messages.extend(unknown::warnings(&sections));
    messages.extend(plugins::warnings(&rpcinterfaces));
    in_order(&mut messages);
    let config =
        Config { file: (&file).into(), here: here.into(), supervisord, servers, groups, rpcinterfaces, messages };
    Ok((config, errors.finish(())))
}

/// Make the error of a file without its main section.
pub(super) fn missing(section: &str, file: &str) -> ConfigError {
    let kind = if include::is_toml(file) { ".toml" } else { ".ini" };
    ConfigError::new(format!("{kind} file does not include {section} section"))
}

/// Sort messages as Supervisor logs them: CRIT first, then WARN, then INFO.
fn in_order(messages: &mut [Message]) {
    messages.sort_by_key(|message: &Message| std::cmp::Reverse::<Level>(message.level));
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

    use super::*;
    use crate::config::{
        ClientOverrides, ini,
        testing::{Files, only_process, surroundings},
        toml,
    };

    /// All of a config that does not depend on which file it stands in.
    fn comparable(config: &Config) -> String {
        let plugins: Vec<String> = config
            .rpcinterfaces
            .iter()
            .map(|plugin| format!("{} {:?} {:?}", plugin.name, plugin.factory, plugin.options))
            .collect();
        format!("{:#?}\n{:#?}\n{:#?}\n{plugins:#?}", config.supervisord, config.servers, config.groups)
            .replace(&config.here.display().to_string(), "HERE")
    }

    #[track_caller]
    fn say_the_same(ini: &str, toml: &str) {
        assert_eq!(comparable(&Files::ini(ini).load()), comparable(&Files::toml(toml).load()));
    }

    #[test]
    fn ini_and_toml_say_the_same() {
        say_the_same("[supervisord]\n", "[supervisord]\n");
        say_the_same(
            "[supervisord]\nnodaemon=true\numask=027\nlogfile_backups=3\nlogfile_maxbytes=5MB\nminfds=64\n\
             environment=A=\"x, y\",B=\"%(ENV_X)s\"\nplugin_path=a:b\nidentifier=100%%\n",
            "[supervisord]\nnodaemon = true\numask = 0o27\nlogfile_backups = 3\nlogfile_maxbytes = '5MB'\nminfds = 64\n\
             plugin_path = ['a', 'b']\nidentifier = '100%%'\n[supervisord.environment]\nA = 'x, y'\nB = '%(ENV_X)s'\n",
        );
        say_the_same(
            "[supervisord]\n[program:web]\ncommand=/bin/cat %(ENV_N)s\nnumprocs=2\nprocess_name=%(process_num)02d\n\
             exitcodes=0,2\nautorestart=true\nenvironment=N=\"%(process_num)d\",Q=\"a'b\"\n[group:g]\nprograms=web,cat\n\
             [program:cat]\ncommand=cat\nautorestart=unexpected\npriority=-1\n",
            "[supervisord]\n[program.web]\ncommand = '/bin/cat %(ENV_N)s'\nnumprocs = 2\n\
             process_name = '%(process_num)02d'\nexitcodes = [0, 2]\nautorestart = true\n\
             environment = { N = '%(process_num)d', Q = \"a'b\" }\n[group.g]\nprograms = ['web', 'cat']\n\
             [\"program:cat\"]\ncommand = 'cat'\nautorestart = 'unexpected'\npriority = -1\n",
        );
        say_the_same(
            "[supervisord]\n[inet_http_server]\nport=9001\nallowed_hosts=a,b\n[inet_http_server:x]\n\
             port=127.0.0.1:9002\nusername=1\npassword=2\n[unix_http_server]\nfile=%(here)s/s\nchmod=0777\n[rpcinterface:a.b]\n\
             supervisor.rpcinterface_factory=a.b:make\nKey=v\n",
            "[supervisord]\n[inet_http_server]\nport = 9001\nallowed_hosts = ['a', 'b']\n[inet_http_server.x]\n\
             port = '127.0.0.1:9002'\nusername = 1\npassword = 2\n[unix_http_server]\nfile = '%(here)s/s'\nchmod = 0o777\n[rpcinterface.'a.b']\n\
             supervisor.rpcinterface_factory = 'a.b:make'\nKey = 'v'\n",
        );
        say_the_same(
            "[DEFAULT]\npriority=3\n[supervisord]\n[program:a]\ncommand=\n  a\n  b\n",
            "[DEFAULT]\npriority = 3\n[supervisord]\n[program.a]\ncommand = '''\n\na\nb'''\n",
        );
    }

    #[test]
    fn a_toml_value_of_the_wrong_kind_is_named() {
        let files = Files::toml("[supervisord]\n[program.x]\ncommand = ['/bin/cat', '-u']\nautostart = { a = 1 }\n");
        assert_eq!(
            files.report(),
            "autostart takes a string, not a table in section 'program:x' (file: 'HERE/main.toml')\n  at line 4: autostart\n\
             command takes a string, not an array in section 'program:x' (file: 'HERE/main.toml')\n  at line 3: command\n"
        );
        let files = Files::toml(
            "[supervisord]\nenvironment = ['A=1']\n[program.x]\ncommand = 'x'\nenvironment = { A = [1], B = 'b' }\n",
        );
        assert_eq!(
            files.report(),
            "environment takes a string or a table, not an array\n  at HERE/main.toml, line 2: environment in [supervisord]\n\
             environment takes a string for A, not an array in section 'program:x' (file: 'HERE/main.toml')\n  \
             at line 5: environment\n"
        );
        let files = Files::toml(
            "[supervisord]\nlogfile = 5\nplugin_path = ['/a', 5]\nidentifier = 5\n[program.x]\ncommand = 'x'\n\
             stdout_logfile = true\n",
        );
        assert_eq!(
            files.report(),
            "logfile takes a string, not a number or boolean\n  at HERE/main.toml, line 2: logfile in [supervisord] takes \
             a file in a directory that exists, or syslog\n\
             plugin_path takes a string, not a number or boolean\n  at HERE/main.toml, line 3: plugin_path in \
             [supervisord] takes directories with commas between them\n\
             stdout_logfile takes a string, not a number or boolean in section 'program:x' (file: 'HERE/main.toml')\n  \
             at line 7: stdout_logfile takes AUTO, NONE, or a file in a directory that exists\n"
        );
        assert_eq!(Files::toml("").error(), ".toml file does not include supervisord section");
    }

    fn sample(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../conf").join(name)
    }

    #[test]
    fn the_sample_configs_say_the_same() {
        let config = |name| load(&sample(name), &Overrides::default(), surroundings()).unwrap();
        let (ini, toml) = (config("supervisord.conf"), config("supervisord.toml"));
        assert_eq!(comparable(&ini), comparable(&toml));
        assert_eq!((ini.messages, toml.messages), (vec![], vec![]));
        let client = |name| {
            crate::config::client::load(Some(&sample(name)), &ClientOverrides::default(), &surroundings()).unwrap()
        };
        let (ini, toml) = (client("supervisord.conf"), client("supervisord.toml"));
        assert_eq!((ini.serverurl, ini.prompt, ini.history_file), (toml.serverurl, toml.prompt, toml.history_file));
        assert_eq!(ini.ctlplugins[0].factory, toml.ctlplugins[0].factory);
    }

    /// The examples in the comments of the samples are right, too: nothing in them is unknown.
    #[test]
    fn what_programs_wait_for_and_are_asked_is_the_same_in_toml() {
        let ini = "[supervisord]\nexit_when_all=exited\n[program:db]\ncommand=db\nready=fd:3\nready_timeout=2.5\n\
                   [program:migrate]\ncommand=m\nexit_when=fatal,exited\nrestart_delay=0.5\nrestart_delay_max=8\n\
                   [program:web]\ncommand=web\nready=notify\nwatchdog_secs=1.5\ndepends_on=db:ready,migrate:exited\n\
                   health=http://localhost:80/up\nhealth_interval=2\nhealth_timeout=0.5\nhealth_retries=4\n\
                   health_action=restart\nupdate=minimal\nkill_descendants=true\nrlimit_nofile=10:20\nnice=5\n\
                   [program:tool]\ncommand=t\nready=exec:/bin/test -e up\nhealth=tcp:80\nstartretries=infinite\n";
        let toml = "[supervisord]\nexit_when_all=\"exited\"\n[program.db]\ncommand=\"db\"\nready=\"fd:3\"\n\
                    ready_timeout=2.5\n[program.migrate]\ncommand=\"m\"\nexit_when=[\"fatal\",\"exited\"]\n\
                    restart_delay=0.5\nrestart_delay_max=8\n[program.web]\ncommand=\"web\"\nready=\"notify\"\n\
                    watchdog_secs=1.5\ndepends_on=[\"db:ready\",\"migrate:exited\"]\n\
                    health=\"http://localhost:80/up\"\nhealth_interval=2\nhealth_timeout=0.5\nhealth_retries=4\n\
                    health_action=\"restart\"\nupdate=\"minimal\"\nkill_descendants=true\n\
                    rlimit_nofile=\"10:20\"\nnice=5\n[program.tool]\ncommand=\"t\"\n\
                    ready=\"exec:/bin/test -e up\"\nhealth=\"tcp:80\"\nstartretries=\"infinite\"\n";
        let (ini, toml) = (Files::ini(ini), Files::toml(toml));
        let (ini, toml) = (ini.load(), toml.load());
        assert_eq!(comparable(&ini), comparable(&toml));
        let web = &ini.groups.iter().find(|group| group.name == "web").unwrap().processes[0];
        assert!(web.health.is_some() && web.ready.is_some() && web.depends_on.len() == 2);
    }

    #[test]
    fn the_commented_examples_know_their_keys() {
        let uncommented = |name: &str, comment: char| -> String {
            let text = fs::read_to_string(sample(name)).unwrap();
            let line = |line: &str| match line.strip_prefix(comment) {
                Some(example) if !example.starts_with(' ') => example.to_owned(),
                _ => line.to_owned(),
            };
            text.lines().map(|text| line(text) + "\n").collect()
        };
        let mut from_ini = Sections::default();
        ini::read(&uncommented("supervisord.conf", ';'), &"x.conf".into(), &mut from_ini).unwrap();
        let mut from_toml = Sections::default();
        toml::read(&uncommented("supervisord.toml", '#'), &"x.toml".into(), &mut from_toml).unwrap();
        assert_eq!(unknown::warnings(&from_ini), []);
        let keys = |sections: &Sections| -> Vec<String> {
            let of_section = |section: &crate::config::sections::Section| {
                section.own_entries().map(|(key, _)| format!("{} {key}", section.name)).collect::<Vec<_>>()
            };
            sections.iter().flat_map(of_section).collect()
        };
        assert_eq!(keys(&from_ini), keys(&from_toml));
    }

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let error = |path: &str| load(Path::new(path), &Overrides::default(), surroundings()).unwrap_err().to_string();
        assert_eq!(error("/no/such.conf"), "could not find config file /no/such.conf");
        assert_eq!(error("/tmp"), "could not read config file /tmp");
        let files = Files::new("main.conf", b"[supervisord]\nidentifier=\xff\n");
        assert_eq!(
            files.report(),
            "'utf-8' codec can't decode byte 0xff in position 25: invalid start byte\n  at HERE/main.conf, line 2\n"
        );
        assert_eq!(Files::ini("[program:x]\ncommand=a\n").error(), ".ini file does not include supervisord section");
        // Once is enough.
        assert!(!Files::with("nodaemon\n").report().contains("\n  at "));
        assert!(!Files::toml("x = \n").report().contains("\n  at "));
        assert_eq!(
            Files::with("nodaemon\n").error(),
            "Source contains parsing errors: 'HERE/main.conf'\n\t[line  2]: 'nodaemon\\n'"
        );
    }

    #[test]
    fn errors_of_all_sections_are_collected_in_supervisors_order() {
        let files = Files::with(
            "[unix_http_server]\n[program:a]\ncommand=a\nstartsecs=x\nstopwaitsecs=y\nnumprocs=2\n\
             process_name=%(process_num)d\nstdout_logfile=/nope/a\n[group:g]\nprograms=zz\n[supervisord]\nminfds=z\n\
             [rpcinterface:r]\n",
        );
        let messages: Vec<String> =
            files.errors().iter().map(|error| error.message.replace(&files.here(), "HERE")).collect();
        let ending = "in section 'program:a' (file: 'HERE/main.conf')";
        assert_eq!(
            messages,
            [
                "invalid literal for int() with base 10: 'z'".to_owned(),
                "section [rpcinterface:r] does not specify a supervisor.rpcinterface_factory".to_owned(),
                "[group:g] names unknown program or fcgi-program zz".to_owned(),
                format!("invalid literal for int() with base 10: 'x' {ending}"),
                format!("invalid literal for int() with base 10: 'y' {ending}"),
                format!("The directory named as part of the path /nope/a does not exist {ending}"),
                "section [unix_http_server] has no file value".to_owned(),
            ]
        );
    }

    #[test]
    fn includes_are_added_in_order() {
        let files = Files::with(
            "identifier=%(here)s\n[include]\nfiles=d/*.conf %(ENV_X)s.toml\n  none-*.conf\n[program:b]\ncommand=main\npriority=4\n",
        )
        .file("d/b.conf", "[program:b]\ncommand=%(here)s/b\n[include]\nfiles=../never.conf\n")
        .file("d/a.conf", "[supervisord]\nloglevel=warn\n[program:b]\nstartsecs=5\n")
        .file("x.toml", "[program.b]\nautostart = false\ndirectory = '%(here)s'\n")
        .file("never.conf", "[program:never]\n");
        let config = files.load();
        let process = only_process(&config);
        assert_eq!(process.command, format!("{}/d/b", files.here()));
        assert_eq!((process.priority, process.startsecs, process.autostart), (4, 5, false));
        assert_eq!(process.directory, Some(files.here().into()));
        assert_eq!((config.supervisord.identifier, config.supervisord.loglevel), (files.here(), Level::Warn));
        assert_eq!(
            files.messages(),
            [
                "Warn No file matches via include \"HERE/none-*.conf\"",
                "Info Included extra file \"HERE/d/a.conf\" during parsing",
                "Info Included extra file \"HERE/d/b.conf\" during parsing",
                "Info Included extra file \"HERE/x.toml\" during parsing",
            ]
        );
    }

    #[test]
    fn a_section_is_said_to_be_where_it_first_was() {
        let files =
            Files::with("[include]\nfiles=d/*.conf\n").file("d/b.conf", "[program:b]\ncommand=x\nstartsecs=z\n");
        assert_eq!(
            files.report(),
            "invalid literal for int() with base 10: 'z' in section 'program:b' (file: 'HERE/d/b.conf')\n  \
             at line 3: startsecs takes a whole number\n"
        );
    }

    #[test]
    fn includes_that_cannot_be_read_are_errors() {
        assert_eq!(Files::with("[include]\n").error(), ".ini file has [include] section, but no files setting");
        let files = Files::with("[include]\nfiles=a.conf b.conf\n").file("a.conf", "[x]\nfoo\n").file("b.conf", "bar");
        let messages: Vec<String> =
            files.errors().iter().map(|error| error.message.replace(&files.here(), "HERE")).collect();
        assert_eq!(
            messages,
            [
                "Source contains parsing errors: 'HERE/a.conf'\n\t[line  2]: 'foo\\n'",
                "File contains no section headers.\nfile: 'HERE/b.conf', line: 1\n'bar'",
            ]
        );
        assert!(Files::with("[include]\nfiles=%(nope)s\n").error().contains(
            "for 'include.files' contains names ('nope') which cannot be expanded. Available names: ENV_PERCENT, ENV_X, \
             here, host_node_name"
        ));

        // Root may read everything, so what cannot be read is a link to nothing.
        let files = Files::with("[include]\nfiles=*.inc\n").file("d.inc/x", "");
        std::os::unix::fs::symlink("/no/such/file", files.path("gone.inc")).unwrap();
        assert_eq!(
            files.report(),
            "could not read included file HERE/gone.inc: No such file or directory (os error 2)\n  \
             at HERE/main.conf, line 3: files in [include]\n"
        );
        fs::remove_file(files.path("gone.inc")).unwrap();
        assert_eq!(
            files.messages(),
            ["Warn Ignored the directory \"HERE/d.inc\", which matches the include \"HERE/*.inc\""]
        );
        if !nix::unistd::getuid().is_root() {
            let files = Files::with("[include]\nfiles=a.conf\n").file("a.conf", "");
            fs::set_permissions(files.path("a.conf"), fs::Permissions::from_mode(0o000)).unwrap();
            assert!(files.error().starts_with("could not read included file HERE/a.conf: "));
        }
    }

    #[test]
    fn a_percent_sign_before_here_is_one_with_and_without_includes() {
        let files = Files::with("identifier=%%(here)s\n");
        assert_eq!(files.load().supervisord.identifier, "%(here)s");
        let files = Files::with("identifier=%%(here)s\n[include]\nfiles=none\n");
        assert_eq!(files.load().supervisord.identifier, "%(here)s");
    }

    #[test]
    fn what_is_unknown_is_a_warning() {
        let files = Files::with("[program:x]\ncommand=a\ncomand=b\n[progam:y]\n");
        assert_eq!(
            files.messages(),
            [
                "Warn unknown key 'comand' in [program:x] (HERE/main.conf, line 4); did you mean 'command'?",
                "Warn unknown section [progam:y] (HERE/main.conf, line 5); did you mean [program:y]?",
            ]
        );
    }
}
