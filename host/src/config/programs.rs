//! Processes of `[program:x]`, `[eventlistener:x]` and `[fcgi-program:x]`, and a group made of them.

use std::{cell::RefCell, ops::Range, sync::Arc, time::Duration};

use super::{
    datatypes::process_or_group_name,
    error::Collector,
    expand::Names,
    model::{Group, GroupKind},
    option::{Opt, Stage},
    options::{OutputOptions, Process, program as options},
    probe::Ready,
    reader::Reader,
    sections::{Section, Sections},
    types::{Level, LogFormat, LogRotate, Logfile, Message, Numbering},
    variables::Variables,
};

/// Number of processes of one program beyond which it is taken for a slip.
const MAX_NUMPROCS: i64 = 100_000;

/// Least `health_interval` and `health_timeout`.
const LEAST_HEALTH_TIME: Duration = Duration::from_millis(100);

/// Context in which sections that make processes are resolved.
pub(super) struct Programs<'a> {
    pub(super) sections: &'a Sections,
    /// `ENV_…` names, those of `[supervisord] environment=` included.
    pub(super) names: &'a Names,
    /// The main file's directory.
    pub(super) here: &'a str,
    pub(super) host_node_name: &'a str,
    /// `[supervisord] environment=`.
    pub(super) environment: &'a Variables,
    pub(super) errors: &'a Collector,
    pub(super) messages: &'a RefCell<Vec<Message>>,
    /// True where there are plugins, which may have event types of their own.
    pub(super) has_plugins: bool,
}

impl<'a> Programs<'a> {
    /// Make a reader of a section whose group is being made: it knows few names, and its messages are short.
    pub(super) fn reader(&self, section: &'a Section) -> Reader<'a> {
        Reader::new(self.sections, section, self.names.with([("here", self.here.into())]), self.errors)
    }

    /// Make a group of these processes, in their order.
    pub(super) fn assemble(&self, name: String, priority: i32, kind: GroupKind, processes: Vec<Process>) -> Group {
        let group = Group { name, kind, priority, processes: processes.into_iter().map(Arc::new).collect() };
        if group.distinct().len() < group.processes.len() {
            let name = &group.name;
            self.warn(format!("Several processes of the group {name} have the same name, the last of them is used"));
        }
        group
    }

    /// Log a warning, once.
    pub(super) fn warn(&self, text: String) {
        let message = Message { level: Level::Warn, text };
        let mut messages = self.messages.borrow_mut();
        if !messages.contains(&message) {
            messages.push(message);
        }
    }

    /// Make the processes of a section, each of its `numprocs`, in order of their names.
    pub(super) fn processes(&self, section: &'a Section, group_name: &str) -> Vec<Process> {
        let names = self.names.with([("here", self.here.into())]);
        let mut reader = Reader::new(self.sections, section, names, self.errors).naming_section();
        let name = section.name.split_once(':').map_or("", |(_, name)| name);
        let Some(program_name) = reader.check_section(process_or_group_name(name)) else { return Vec::new() };
        reader.names.set("program_name", program_name);
        reader.names.set("host_node_name", self.host_node_name);
        reader.names.set("group_name", group_name);
        let Some((template, numbers)) = template(&reader) else { return Vec::new() };
        let mut process = |number| {
            reader.names.restore_frozen();
            reader.names.set("process_num", number);
            reader.names.set("numprocs", numbers.end.saturating_sub(numbers.start));
            self.process(&mut reader, &template)
        };
        let mut processes: Vec<_> = numbers.clone().filter_map(&mut process).collect();
        processes.sort_by(|a, b| a.name.cmp(&b.name));
        processes
    }

    /// Make one process: the template, and what may depend on the number.
    fn process(&self, reader: &mut Reader<'_>, template: &Process) -> Option<Process> {
        let (env_file, mut own_environment) = reader.env_files(&options::env_file);
        for (name, value) in &own_environment {
            reader.names.set(format!("ENV_{name}"), value.as_str());
        }
        own_environment.extend(reader.environment(&options::environment));
        for (name, value) in &own_environment {
            reader.names.set(format!("ENV_{name}"), value.as_str());
        }
        let mut process = template.clone();
        process.env_file = env_file;
        process.read(reader, Stage::Each);
        check_ready(reader, &process);
        check_health(reader, &process);
        self.output(reader, &STDOUT, &mut process.stdout);
        self.output(reader, &STDERR, &mut process.stderr);
        if process.redirect_stderr {
            if let Logfile::Path(_) = process.stderr.logfile {
                self.warn(format!(
                    "For [{}], redirect_stderr=true but stderr_logfile has also been set to a filename, the filename \
                     has been ignored",
                    reader.section.name
                ));
            }
            for (key, is_default) in [
                (options::stderr_log_format.key, process.stderr.log_format == LogFormat::default()),
                (options::stderr_logfile_rotate.key, process.stderr.rotate == LogRotate::default()),
            ] {
                if !is_default {
                    let section = &reader.section.name;
                    self.warn(format!("For [{section}], redirect_stderr=true, so {key} has been ignored"));
                }
            }
            process.stderr.logfile = Logfile::None;
        }
        if !reader.has(options::command.key) {
            reader.fail_section(format!("program section {} does not specify a command", reader.section.name));
        }
        let command = reader.find(&options::command);
        let name = reader.names.expand(&template.name, options::process_name.key);
        let name = reader.check(options::process_name.key, name);
        process.environment.clone_from(self.environment);
        process.environment.extend(own_environment);
        Some(Process { name: name?, command: command?, ..process })
    }

    /// Read what of `stdout_*` or `stderr_*` may depend on the number.
    fn output(&self, reader: &Reader<'_>, keys: &OutputKeys, output: &mut OutputOptions) {
        let key = keys.logfile.key;
        output.logfile = reader.find_expanded_twice(keys.logfile, &reader.names).unwrap_or(Logfile::Auto);
        output.backups = reader.get(keys.backups);
        output.maxbytes = reader.get(keys.maxbytes);
        output.syslog = reader.get(keys.syslog);
        output.log_format = reader.get(keys.log_format);
        output.rotate = reader.get(keys.rotate);
        let section = &reader.section.name;
        if output.logfile == Logfile::Syslog {
            let syslog_key = keys.syslog.key;
            self.warn(format!(
                "For [{section}], {key}=syslog but this is deprecated and will be removed.  Use {syslog_key}=true to \
                 enable syslog instead."
            ));
            output.syslog = true;
            output.logfile = Logfile::None;
        }
        if output.logfile == Logfile::Auto && output.maxbytes == 0 {
            self.warn(format!(
                "For [{section}], AUTO logging used for {key} without rollover, set maxbytes > 0 to avoid filling up \
                 filesystem unintentionally"
            ));
        }
    }
}

/// Make the template of a section's processes, its name not expanded yet, and their numbers.
fn template(reader: &Reader<'_>) -> Option<(Process, Range<i64>)> {
    // In Supervisor's order, which decides which of several errors comes first.
    let mut process = Process::default();
    process.read(reader, Stage::First);
    // Again, since its default is another option; the table has it too, for the order of errors.
    process.killasgroup = reader.find(&options::killasgroup).unwrap_or(process.stopasgroup);
    let numprocs = reader.get(&options::numprocs);
    let numprocs_start = reader.get(&options::numprocs_start);
    let program = reader.section.name.split_once(':').map_or("", |(_, name)| name.trim()).to_owned();
    process.numbering = Numbering { program, numprocs, numprocs_start };
    for (keys, output) in [(&STDOUT, &mut process.stdout), (&STDERR, &mut process.stderr)] {
        output.capture_maxbytes = reader.get(keys.capture_maxbytes);
        output.events_enabled = reader.get(keys.events_enabled);
    }
    process.read(reader, Stage::Last);
    let key = options::process_name.key;
    process.name = if reader.has(key) {
        reader.unexpanded(key).and_then(|name| reader.check(key, process_or_group_name(name)))?
    } else {
        options::process_name.default_value()
    };
    if numprocs > 1 && !process.name.contains("%(process_num)") {
        reader.fail(key, "%(process_num) must be present within process_name when numprocs > 1");
    }
    if process.stopasgroup && !process.killasgroup {
        reader.fail(options::killasgroup.key, "Cannot set stopasgroup=true and killasgroup=false");
    }
    if let (Some(delay), Some(max)) = (process.restart_delay, process.restart_delay_max)
        && max < delay
    {
        let seconds = |time: Duration| time.as_secs_f64();
        let message = format!("restart_delay_max={} is less than restart_delay={}", seconds(max), seconds(delay));
        reader.fail(options::restart_delay_max.key, message);
    }
    if numprocs > MAX_NUMPROCS {
        reader.fail(options::numprocs.key, format!("numprocs={numprocs} is more than {MAX_NUMPROCS}"));
        return None;
    }
    Some((process, numprocs_start..numprocs_start.saturating_add(numprocs)))
}

/// Report options that mean nothing beside the others.
fn check_ready(reader: &Reader<'_>, process: &Process) {
    // One that is there and wrong has its own error.
    let is_wrong = process.ready.is_none() && reader.has(options::ready.key);
    if !process.ready_timeout.is_zero() && process.ready.is_none() && !is_wrong {
        reader.fail(options::ready_timeout.key, "ready_timeout needs ready=");
    }
    if !process.watchdog_secs.is_zero() && process.ready != Some(Ready::Notify) && !is_wrong {
        reader.fail(options::watchdog_secs.key, "watchdog_secs needs ready=notify");
    }
}

/// Report options of `health=` that mean nothing, or ask too often.
fn check_health(reader: &Reader<'_>, process: &Process) {
    let [interval, timeout, retries, action] = [
        options::health_interval.key,
        options::health_timeout.key,
        options::health_retries.key,
        options::health_action.key,
    ];
    if !reader.has(options::health.key) {
        for (key, is_default) in [
            (interval, process.health_interval == options::health_interval.default_value()),
            (timeout, process.health_timeout == options::health_timeout.default_value()),
            (retries, process.health_retries == options::health_retries.default_value()),
            (action, process.health_action == options::health_action.default_value()),
        ] {
            if !is_default {
                reader.fail(key, format!("{key} needs health="));
            }
        }
        return;
    }
    for (key, time) in [(interval, process.health_interval), (timeout, process.health_timeout)] {
        if time < LEAST_HEALTH_TIME {
            let (time, least) = (time.as_secs_f64(), LEAST_HEALTH_TIME.as_secs_f64());
            reader.fail(key, format!("{key}={time} is less than {least}"));
        }
    }
    if process.health_retries == 0 {
        reader.fail(retries, "health_retries must be at least 1");
    }
}

/// Keys of one of a program's two outputs.
struct OutputKeys {
    logfile: &'static Opt<Logfile>,
    maxbytes: &'static Opt<u64>,
    backups: &'static Opt<u32>,
    syslog: &'static Opt<bool>,
    log_format: &'static Opt<LogFormat>,
    rotate: &'static Opt<LogRotate>,
    capture_maxbytes: &'static Opt<u64>,
    events_enabled: &'static Opt<bool>,
}

const STDOUT: OutputKeys = OutputKeys {
    logfile: &options::stdout_logfile,
    maxbytes: &options::stdout_logfile_maxbytes,
    backups: &options::stdout_logfile_backups,
    syslog: &options::stdout_syslog,
    log_format: &options::stdout_log_format,
    rotate: &options::stdout_logfile_rotate,
    capture_maxbytes: &options::stdout_capture_maxbytes,
    events_enabled: &options::stdout_events_enabled,
};

const STDERR: OutputKeys = OutputKeys {
    logfile: &options::stderr_logfile,
    maxbytes: &options::stderr_logfile_maxbytes,
    backups: &options::stderr_logfile_backups,
    syslog: &options::stderr_syslog,
    log_format: &options::stderr_log_format,
    rotate: &options::stderr_logfile_rotate,
    capture_maxbytes: &options::stderr_capture_maxbytes,
    events_enabled: &options::stderr_events_enabled,
};

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::{
        AutoRestart,
        testing::{Files, group, only_process},
    };

    /// The first error of `[program:x]` with these lines, and no other.
    fn program_error(lines: &str) -> String {
        let files = Files::with(&format!("[program:x]\ncommand=/bin/cat\n{lines}\n"));
        assert_eq!(files.errors().iter().count(), 1, "{}", files.report());
        files.error()
    }

    fn program(lines: &str) -> Process {
        only_process(&Files::with(&format!("[program:x]\ncommand=/bin/cat\n{lines}\n")).load()).clone()
    }

    #[test]
    #[allow(clippy::needless_update, reason = "options that Supervisor does not have may follow")]
    fn defaults_are_supervisors() {
        let output = OutputOptions {
            logfile: Logfile::Auto,
            maxbytes: 50 << 20,
            backups: 10,
            capture_maxbytes: 0,
            events_enabled: false,
            syslog: false,
            log_format: LogFormat::Raw,
            rotate: LogRotate::Size,
        };
        let expected = Process {
            name: "x".into(),
            command: "/bin/cat".into(),
            directory: None,
            umask: None,
            priority: 999,
            autostart: true,
            autorestart: AutoRestart::Unexpected,
            startsecs: 1,
            startretries: 3,
            user: None,
            stdout: output.clone(),
            stderr: output,
            stopsignal: 15,
            stopwaitsecs: 10,
            stopasgroup: false,
            killasgroup: false,
            exitcodes: vec![0],
            redirect_stderr: false,
            environment: Variables::default(),
            serverurl: None,
            numbering: Numbering::default(),
            ..Process::default()
        };
        assert_eq!(program(""), expected);
    }

    #[test]
    fn values_are_resolved() {
        let process = program(
            "process_name=%(program_name)s_%(process_num)02d\nnumprocs_start=7\numask=022\nautorestart=true\n\
             stopsignal=hup\nexitcodes=0, 2\nuser=root\nstopasgroup=true\nserverurl= auto \nstartsecs=-1\n\
             stdout_logfile=/tmp/%(group_name)s-%(process_num)d.log\nstderr_logfile=NONE\nstderr_logfile_maxbytes=1KB\n\
             directory=/srv/%(host_node_name)s\ncommand=%(program_name)s %(ENV_X)s %(numprocs)d %%",
        );
        assert_eq!(process.name, "x_07");
        assert_eq!(process.umask, Some(0o22));
        assert_eq!(process.autorestart, AutoRestart::Always);
        assert_eq!(process.stopsignal, 1);
        assert_eq!(process.exitcodes, [0, 2]);
        assert_eq!(process.user.unwrap().uid, 0);
        assert!(process.stopasgroup && process.killasgroup);
        assert_eq!(process.serverurl, None);
        assert_eq!(process.startsecs, -1);
        assert_eq!(process.stdout.logfile, Logfile::Path("/tmp/x-7.log".into()));
        assert_eq!((process.stderr.logfile, process.stderr.maxbytes), (Logfile::None, 1024));
        assert_eq!(process.directory, Some(PathBuf::from("/srv/thishost")));
        assert_eq!(process.command, "x x 1 %");
    }

    #[test]
    fn toml_has_types_for_what_supervisor_does_not_have() {
        let files = Files::toml(
            "[supervisord]\nenv_file = [\"?all.env\"]\n[program.x]\ncommand = \"x\"\nstartretries = \"infinite\"\n\
             restart_delay = 0.5\nrestart_delay_max = 60\nenv_file = [\"a.env\", \"?b.env\"]\nuser_environment = true\n\
             rlimit_nofile = 100\nrlimit_memlock = \"64KB:unlimited\"\nnice = -5\noom_score_adj = 7\n\
             kill_descendants = true\n",
        )
        .file("a.env", "A=1");
        let config = files.load();
        let process = only_process(&config);
        assert_eq!(process.startretries, crate::config::INFINITE);
        let delays = [process.restart_delay, process.restart_delay_max];
        assert_eq!(delays, [Some(Duration::from_millis(500)), Some(Duration::from_mins(1))]);
        assert_eq!(process.environment[0].1, "1");
        assert!(process.user_environment && process.kill_descendants);
        let limits = [process.rlimit_nofile, process.rlimit_memlock].map(|limit| limit.unwrap().to_string());
        assert_eq!(limits, ["100", "65536:unlimited"]);
        assert_eq!((process.rlimit_core, process.nice, process.oom_score_adj), (None, Some(-5), Some(7)));
        let error =
            |lines: &str| Files::toml(&format!("[supervisord]\n[program.x]\ncommand = \"x\"\n{lines}\n")).error();
        assert!(error("restart_delay = true").starts_with("not a number of seconds: 'true'"));
        assert!(error("env_file = 5").starts_with("env_file takes a string, not "));
    }

    #[test]
    fn numprocs_makes_processes_with_their_own_values() {
        let lines = "numprocs=11\nprocess_name=n_%(process_num)d\nenvironment=N=\"%(process_num)d\"\n\
                     stdout_logfile=/tmp/%(ENV_N)s.log\ncommand=run %(ENV_N)s of %(numprocs)s";
        let config = Files::with(&format!("[program:x]\n{lines}\n")).load();
        let processes = &group(&config, "x").processes;
        let names: Vec<_> = processes.iter().map(|process| process.name.as_str()).collect();
        assert_eq!(names, ["n_0", "n_1", "n_10", "n_2", "n_3", "n_4", "n_5", "n_6", "n_7", "n_8", "n_9"]);
        assert_eq!(processes[2].command, "run 10 of 11");
        assert_eq!(processes[2].stdout.logfile, Logfile::Path("/tmp/10.log".into()));
        for none in ["0", "-1"] {
            let config = Files::with(&format!("[program:x]\ncommand=a\nnumprocs={none}\n")).load();
            assert!(group(&config, "x").processes.is_empty());
        }
    }

    #[test]
    fn environment_of_supervisord_comes_first() {
        let config = Files::ini(
            "[supervisord]\nenvironment=B=\"2\",A=\"1\"\n[program:x]\ncommand=%(ENV_A)s%(ENV_B)s%(ENV_C)s\n\
             environment=B=\"own\",C=\"%(ENV_A)s3\"\n",
        )
        .load();
        let process = only_process(&config);
        assert_eq!(process.command, "1own13");
        let expected = [("B", "own"), ("A", "1"), ("C", "13")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(*process.environment, expected);
    }

    #[test]
    fn variables_of_files_come_before_the_own_ones() {
        let files = Files::ini("[supervisord]\nenv_file=all.env\nenvironment=B=\"2\"\n[include]\nfiles=d/*.conf\n")
            .file("all.env", "A=all\nB=all\nC=all\n")
            .file(
                "d/x.conf",
                "[program:x]\ncommand=run %(ENV_D)s %(ENV_C)s\nnumprocs=2\nprocess_name=%(process_num)d\n\
             env_file=own.env, ?none.env,%(here)s/%(process_num)d.env\nenvironment=D=\"%(ENV_N)s-own\"\n",
            )
            .file("d/own.env", "C='own file'\nD=file\n")
            .file("d/0.env", "N=0")
            .file("d/1.env", "N=1");
        let config = files.load();
        let process = &group(&config, "x").processes[1];
        assert_eq!(process.command, "run 1-own own file");
        let expected = [("A", "all"), ("B", "2"), ("C", "own file"), ("D", "1-own"), ("N", "1")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(process.environment, expected.into_iter().collect());
        let here = files.here();
        assert_eq!(
            process.env_file,
            ["d/own.env", "?d/none.env", "d/1.env"].map(|file| match file.strip_prefix('?') {
                Some(file) => format!("?{here}/{file}"),
                None => format!("{here}/{file}"),
            })
        );
    }

    #[test]
    fn a_file_of_variables_that_is_missing_or_broken_is_an_error() {
        let files = Files::with("[program:x]\ncommand=x\nenv_file=no.env\nnumprocs=2\nprocess_name=%(process_num)d\n");
        assert_eq!(
            files.report(),
            "could not read env_file HERE/no.env: No such file or directory (os error 2) in section 'program:x' (file: \
             'HERE/main.conf')\n  at line 4: env_file\n"
        );
        let files = Files::with("env_file=a.env\n").file("a.env", "A=1\nsecret");
        assert_eq!(
            files.report(),
            "env_file HERE/a.env, line 2: it is not KEY=VALUE\n  at HERE/main.conf, line 2: env_file in [supervisord]\n"
        );
    }

    #[test]
    fn a_logfile_is_expanded_twice_and_other_values_once() {
        assert_eq!(program("stdout_logfile=/tmp/%%(program_name)s").stdout.logfile, Logfile::Path("/tmp/x".into()));
        assert_eq!(program("environment=A=\"%(ENV_PERCENT)s\"").environment[0].1, "100%");
        let not_twice = program("stdout_logfile=/tmp/%(ENV_PERCENT)s\nstderr_logfile=/tmp/%%d-%(program_name)s");
        assert_eq!(not_twice.stdout.logfile, Logfile::Path("/tmp/100%".into()));
        assert_eq!(not_twice.stderr.logfile, Logfile::Path("/tmp/%d-x".into()));
    }

    #[test]
    fn errors_name_the_section_and_its_file() {
        let ending = "in section 'program:x' (file: 'HERE/main.conf')";
        for (lines, error) in [
            ("startsecs=a", "invalid literal for int() with base 10: 'a'"),
            ("autostart=maybe", "not a valid boolean value: 'maybe'"),
            ("autorestart=Never", "invalid 'autorestart' value 'never'"),
            ("stopsignal=NOPE", "value 'NOPE' is not a valid signal name"),
            ("exitcodes=256", "not a valid list of exit codes: '256'"),
            ("stdout_logfile_maxbytes=1M", "invalid literal for int() with base 10: '1m'"),
            ("stderr_logfile=/nope/x", "The directory named as part of the path /nope/x does not exist"),
            ("umask=9", "9 can not be converted to an octal type"),
            ("user=no-such-user", "Invalid user name no-such-user"),
            ("environment=A=1 B=2", "Unexpected end of key/value pairs in value 'A=1 B=2'"),
            ("restart_delay=soon", "not a number of seconds: 'soon'"),
            ("restart_delay=5\nrestart_delay_max=1.5", "restart_delay_max=1.5 is less than restart_delay=5"),
            ("ready=tcp:x", "tcp: takes a port of localhost from 1 to 65535, not 'x'"),
            ("health=fd:3", "fd says when a program is ready, not whether it goes on being well"),
            ("health_action=restart", "health_action needs health="),
            ("health=tcp:1\nhealth_action=stop", "not an action: 'stop'"),
            ("health=tcp:1\nhealth_interval=0.05", "health_interval=0.05 is less than 0.1"),
            ("health=tcp:1\nhealth_timeout=0", "health_timeout=0 is less than 0.1"),
            ("health=tcp:1\nhealth_retries=-1", "health_retries must be at least 1"),
            ("ready_timeout=5", "ready_timeout needs ready="),
            ("ready=fd:3\nwatchdog_secs=5", "watchdog_secs needs ready=notify"),
            ("process_name=a b", "Invalid name: 'a b' because of character: ' '"),
            ("process_name=a:b", "Invalid name: 'a:b' because of character: ':'"),
            ("stopasgroup=true\nkillasgroup=false", "Cannot set stopasgroup=true and killasgroup=false"),
            ("numprocs=2", "%(process_num) must be present within process_name when numprocs > 1"),
            ("numprocs=9999999999\nprocess_name=%(process_num)d", "numprocs=9999999999 is more than 100000"),
        ] {
            assert_eq!(program_error(lines), format!("{error} {ending}"), "{lines:?}");
        }
        assert_eq!(
            Files::with("[program:x]\n").error(),
            format!("program section program:x does not specify a command {ending}")
        );
        assert_eq!(
            program_error("command=%(nope)s"),
            format!(
                "Format string '%(nope)s' for 'program:x.command' contains names ('nope') which cannot be expanded. \
                 Available names: ENV_PERCENT, ENV_X, group_name, here, host_node_name, numprocs, process_num, \
                 program_name {ending}"
            )
        );
        // Read for the group, before anything is known of its processes.
        assert_eq!(program_error("priority=a"), "invalid literal for int() with base 10: 'a'");
    }

    #[test]
    fn names_of_programs_are_checked() {
        assert_eq!(Files::with("[program:a b]\ncommand=a\n").error(), "Invalid name: 'a b' because of character: ' '");
        assert_eq!(Files::with("[program:a/b]\ncommand=a\n").error(), "Invalid name: 'a/b' because of character: '/'");
        let config = Files::with("[program: a ]\ncommand=%(program_name)s\n").load();
        assert_eq!(only_process(&config).command, "a");
    }

    #[test]
    fn warnings_are_supervisors_and_said_once() {
        let files = Files::with(
            "[program:x]\ncommand=a\nnumprocs=2\nprocess_name=%(process_num)d\nstdout_logfile_maxbytes=0\n\
             redirect_stderr=true\nstderr_logfile=/tmp/x\n[program:y]\ncommand=a\n[group:y]\nprograms=x,x\n",
        );
        assert_eq!(
            files.messages(),
            [
                "Warn For [program:x], AUTO logging used for stdout_logfile without rollover, set maxbytes > 0 to avoid \
                 filling up filesystem unintentionally",
                "Warn For [program:x], redirect_stderr=true but stderr_logfile has also been set to a filename, the \
                 filename has been ignored",
                "Warn Several processes of the group y have the same name, the last of them is used",
                "Warn There are several process groups named y, only the first of them is used",
            ]
        );
    }

    #[test]
    fn capture_events_and_syslog_are_what_the_lines_say() {
        let process = program("stdout_capture_maxbytes=1MB\nstdout_events_enabled=true\nstderr_logfile=syslog\n");
        let (stdout, stderr) = (&process.stdout, &process.stderr);
        assert_eq!((stdout.capture_maxbytes, stdout.events_enabled, stdout.syslog), (1 << 20, true, false));
        assert_eq!((stderr.capture_maxbytes, stderr.events_enabled, stderr.syslog), (0, false, true));
        assert_eq!((&stdout.logfile, &stderr.logfile), (&Logfile::Auto, &Logfile::None));
        assert!(program_error("stdout_capture_maxbytes=1M").starts_with("invalid literal"));
    }
}
