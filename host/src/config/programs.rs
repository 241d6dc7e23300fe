//! Process groups: from `[group:x]`, `[program:x]`, `[eventlistener:x]` and `[fcgi-program:x]`.

use std::{cell::RefCell, ops::Range, sync::Arc};

use super::{
    Group, GroupKind, Level, Logfile, Message, Numbering, Output, Process, Variables,
    datatypes::process_or_group_name,
    error::Collector,
    eventlistener,
    expand::Names,
    fcgi_program,
    options::{Opt, group as of_group, program as options},
    reader::Reader,
    sections::{Section, Sections},
};

/// More processes than this of one program are taken for a slip.
const MAX_NUMPROCS: i64 = 100_000;

/// What the sections that make processes are resolved with.
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
    /// There are plugins, which may have event types of their own.
    pub(super) has_plugins: bool,
}

impl<'a> Programs<'a> {
    /// All groups, in order of priority, then name.
    pub(super) fn groups(&self) -> Vec<Arc<Group>> {
        let mut groups = Vec::new();
        let mut taken = Vec::new();
        for (name, section) in self.sections.with_prefix("group:") {
            groups.extend(self.group(name, section, &mut taken));
        }
        for (name, section) in
            self.sections.with_prefix("program:").filter(|(_, section)| !taken.contains(&&*section.name))
        {
            groups.extend(self.homogeneous(name, section));
        }
        for (name, section) in self.sections.with_prefix("eventlistener:") {
            groups.extend(eventlistener::eventlistener(self, name, section));
        }
        let left = self.sections.with_prefix("fcgi-program:").filter(|(_, section)| !taken.contains(&&*section.name));
        for (name, section) in left {
            groups.extend(fcgi_program::fcgi_program(self, name, section));
        }
        groups.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
        for pair in groups.windows(2).filter(|pair| pair[0].name == pair[1].name) {
            self.warn(format!(
                "There are several process groups named {}, only the first of them is used",
                pair[0].name
            ));
        }
        groups.into_iter().map(Arc::new).collect()
    }

    /// A reader of a section whose group is being made: it knows few names, and its messages are short.
    pub(super) fn reader(&self, section: &'a Section) -> Reader<'a> {
        Reader::new(self.sections, section, self.names.with([("here", self.here.into())]), self.errors)
    }

    /// `[group:x]`. The sections that it takes its programs from make no group of their own.
    fn group(&self, name: &str, section: &'a Section, taken: &mut Vec<&'a str>) -> Option<Group> {
        let reader = self.reader(section);
        let name = reader.check_section(process_or_group_name(name))?;
        let programs = reader.get_list(&of_group::programs);
        let priority = reader.get(&of_group::priority);
        let mut processes = Vec::new();
        for program in programs {
            let of_program = self.sections.get(&format!("program:{program}"));
            let of_fcgi = self.sections.get(&format!("fcgi-program:{program}"));
            let program = match (of_program, of_fcgi) {
                (Some(program), None) | (None, Some(program)) => program,
                (None, None) => {
                    let message = format!("[{}] names unknown program or fcgi-program {program}", section.name);
                    reader.fail(of_group::programs.key, message);
                    continue;
                }
                (Some(_), Some(_)) => {
                    let why = "exists as program and fcgi-program";
                    let message = format!("[{}] name {program} is ambiguous ({why})", section.name);
                    reader.fail(of_group::programs.key, message);
                    continue;
                }
            };
            taken.push(&program.name);
            processes.extend(self.processes(program, &name));
        }
        Some(self.assemble(name, priority, GroupKind::Programs, processes))
    }

    /// `[program:x]` that no group has taken: a group of its own name.
    fn homogeneous(&self, name: &str, section: &'a Section) -> Option<Group> {
        let reader = self.reader(section);
        let name = reader.check_section(process_or_group_name(name))?;
        let priority = reader.get(&options::priority);
        let processes = self.processes(section, &name);
        Some(self.assemble(name, priority, GroupKind::Programs, processes))
    }

    /// A group of these processes, in their order.
    pub(super) fn assemble(&self, name: String, priority: i32, kind: GroupKind, processes: Vec<Process>) -> Group {
        let group = Group { name, kind, priority, processes: processes.into_iter().map(Arc::new).collect() };
        if group.distinct().len() < group.processes.len() {
            let name = &group.name;
            self.warn(format!("Several processes of the group {name} have the same name, the last of them is used"));
        }
        group
    }

    fn warn(&self, text: String) {
        let message = Message { level: Level::Warn, text };
        let mut messages = self.messages.borrow_mut();
        if !messages.contains(&message) {
            messages.push(message);
        }
    }

    /// The processes that a section makes, each of its `numprocs`, in order of their names.
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

    /// One process: what all have in common, and what may depend on its number.
    fn process(&self, reader: &mut Reader<'_>, template: &Process) -> Option<Process> {
        let own_environment = reader.environment(&options::environment);
        for (name, value) in &own_environment {
            reader.names.set(format!("ENV_{name}"), value.as_str());
        }
        let directory = reader.find(&options::directory);
        let stdout = self.output(reader, &STDOUT, &template.stdout);
        let mut stderr = self.output(reader, &STDERR, &template.stderr);
        if template.redirect_stderr {
            if let Logfile::Path(_) = stderr.logfile {
                self.warn(format!(
                    "For [{}], redirect_stderr=true but stderr_logfile has also been set to a filename, the filename \
                     has been ignored",
                    reader.section.name
                ));
            }
            stderr.logfile = Logfile::None;
        }
        if !reader.has(options::command.key) {
            reader.fail_section(format!("program section {} does not specify a command", reader.section.name));
        }
        let command = reader.find(&options::command);
        let name = reader.names.expand(&template.name, options::process_name.key);
        let name = reader.check(options::process_name.key, name);
        let mut environment = self.environment.clone();
        environment.extend(own_environment);
        Some(Process { name: name?, command: command?, directory, stdout, stderr, environment, ..template.clone() })
    }

    /// `stdout_*` or `stderr_*`: what may depend on the number, over what all processes of the section have in common.
    fn output(&self, reader: &Reader<'_>, channel: &Channel, template: &Output) -> Output {
        let key = channel.logfile.key;
        let logfile = reader.find_expanded_twice(channel.logfile, &reader.names).unwrap_or(Logfile::Auto);
        let backups = reader.get(channel.backups);
        let maxbytes = reader.get(channel.maxbytes);
        let mut syslog = reader.get(channel.syslog);
        let section = &reader.section.name;
        let logfile = if logfile == Logfile::Syslog {
            let syslog_key = channel.syslog.key;
            self.warn(format!(
                "For [{section}], {key}=syslog but this is deprecated and will be removed.  Use {syslog_key}=true to \
                 enable syslog instead."
            ));
            syslog = true;
            Logfile::None
        } else {
            logfile
        };
        if logfile == Logfile::Auto && maxbytes == 0 {
            self.warn(format!(
                "For [{section}], AUTO logging used for {key} without rollover, set maxbytes > 0 to avoid filling up \
                 filesystem unintentionally"
            ));
        }
        Output { logfile, maxbytes, backups, syslog, ..template.clone() }
    }
}

/// What all processes of a section have in common, their name not expanded yet, and their numbers.
fn template(reader: &Reader<'_>) -> Option<(Process, Range<i64>)> {
    // In Supervisor's order, which decides which of several errors comes first.
    let priority = reader.get(&options::priority);
    let autostart = reader.get(&options::autostart);
    let autorestart = reader.get(&options::autorestart);
    let startsecs = reader.get(&options::startsecs);
    let startretries = reader.get(&options::startretries);
    let stopsignal = reader.get(&options::stopsignal);
    let stopwaitsecs = reader.get(&options::stopwaitsecs);
    let stopasgroup = reader.get(&options::stopasgroup);
    let killasgroup = reader.find(&options::killasgroup).unwrap_or(stopasgroup);
    let exitcodes = reader.get_list(&options::exitcodes);
    let redirect_stderr = reader.get(&options::redirect_stderr);
    let numprocs = reader.get(&options::numprocs);
    let numprocs_start = reader.get(&options::numprocs_start);
    let stdout = output_template(reader, &STDOUT);
    let stderr = output_template(reader, &STDERR);
    let serverurl = reader.find(&options::serverurl).filter(|url| !url.trim().eq_ignore_ascii_case("auto"));
    let user = reader.find(&options::user);
    let umask = reader.find(&options::umask);
    let key = options::process_name.key;
    let name = if reader.has(key) {
        reader.unexpanded(key).and_then(|name| reader.check(key, process_or_group_name(name)))?
    } else {
        options::process_name.default.unwrap_or_default().to_owned()
    };
    if numprocs > 1 && !name.contains("%(process_num)") {
        reader.fail(key, "%(process_num) must be present within process_name when numprocs > 1");
    }
    if stopasgroup && !killasgroup {
        reader.fail(options::killasgroup.key, "Cannot set stopasgroup=true and killasgroup=false");
    }
    if numprocs > MAX_NUMPROCS {
        reader.fail(options::numprocs.key, format!("numprocs={numprocs} is more than {MAX_NUMPROCS}"));
        return None;
    }
    let template = Process {
        name,
        command: String::new(),
        directory: None,
        umask,
        priority,
        autostart,
        autorestart,
        startsecs,
        startretries,
        user,
        stdout,
        stderr,
        stopsignal,
        stopwaitsecs,
        stopasgroup,
        killasgroup,
        exitcodes,
        redirect_stderr,
        environment: Variables::default(),
        serverurl,
        numbering: Numbering { numprocs, numprocs_start },
    };
    Some((template, numprocs_start..numprocs_start.saturating_add(numprocs)))
}

fn output_template(reader: &Reader<'_>, channel: &Channel) -> Output {
    Output {
        logfile: Logfile::Auto,
        maxbytes: 0,
        backups: 0,
        capture_maxbytes: reader.get(channel.capture_maxbytes),
        events_enabled: reader.get(channel.events_enabled),
        syslog: false,
    }
}

/// The keys of one of a program's two outputs.
struct Channel {
    logfile: &'static Opt<Logfile>,
    maxbytes: &'static Opt<u64>,
    backups: &'static Opt<u32>,
    syslog: &'static Opt<bool>,
    capture_maxbytes: &'static Opt<u64>,
    events_enabled: &'static Opt<bool>,
}

const STDOUT: Channel = Channel {
    logfile: &options::stdout_logfile,
    maxbytes: &options::stdout_logfile_maxbytes,
    backups: &options::stdout_logfile_backups,
    syslog: &options::stdout_syslog,
    capture_maxbytes: &options::stdout_capture_maxbytes,
    events_enabled: &options::stdout_events_enabled,
};

const STDERR: Channel = Channel {
    logfile: &options::stderr_logfile,
    maxbytes: &options::stderr_logfile_maxbytes,
    backups: &options::stderr_logfile_backups,
    syslog: &options::stderr_syslog,
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
    fn defaults_are_supervisors() {
        let output = Output {
            logfile: Logfile::Auto,
            maxbytes: 50 << 20,
            backups: 10,
            capture_maxbytes: 0,
            events_enabled: false,
            syslog: false,
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

    const THREE: &str =
        "[program:c]\ncommand=c\npriority=1\n[program:a]\ncommand=a %(group_name)s\n[program:b]\ncommand=b\n";

    #[test]
    fn groups_take_programs_and_are_in_order() {
        let config = Files::with(&format!("{THREE}[group:g]\nprograms= b , a \npriority=5\n[group:empty]\n")).load();
        let shown: Vec<String> = config
            .groups
            .iter()
            .map(|group| {
                let names: Vec<_> = group.processes.iter().map(|process| process.name.as_str()).collect();
                format!("{} {}: {}", group.priority, group.name, names.join(" "))
            })
            .collect();
        assert_eq!(shown, ["1 c: c", "5 g: b a", "999 empty: "]);
        assert_eq!(group(&config, "g").processes[1].command, "a g");
        let config = Files::with(&format!("{THREE}[group:g]\nprograms=a\n[group:h]\nprograms=a,b\n")).load();
        assert_eq!(group(&config, "g").processes.len(), 1);
        assert_eq!(group(&config, "h").processes.len(), 2);
    }

    #[test]
    fn a_group_keeps_the_order_of_its_programs_whatever_their_priorities() {
        let names = |lines: &str| -> Vec<String> {
            let numbered = "[program:n]\ncommand=n\nnumprocs=11\nprocess_name=n%(process_num)d\nnumprocs_start=1\n";
            let config = Files::with(&format!("{THREE}{numbered}[group:g]\n{lines}\n")).load();
            group(&config, "g").distinct().iter().map(|process| process.name.clone()).collect()
        };
        assert_eq!(names("programs=b,c,a"), ["b", "c", "a"]);
        let numbers = ["n1", "n10", "n11", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"];
        assert_eq!(names("programs=b,n,a"), [&["b"], &numbers[..], &["a"]].concat());
        let groups = |programs: &str| Files::with(&format!("{THREE}[group:g]\nprograms={programs}\n")).load().groups;
        assert_ne!(groups("a,b"), groups("b,a"), "another order is another group");
    }

    #[test]
    fn of_processes_of_one_name_the_last_is_used_in_the_place_of_the_first() {
        let text = "[program:x]\ncommand=x\nprocess_name=p\n[program:y]\ncommand=y\n[program:z]\ncommand=z\n\
                    process_name=p\n[group:g]\nprograms=x,y,z,y,x,z\n";
        let config = Files::with(text).load();
        let group = group(&config, "g");
        let commands = |processes: &[&Arc<Process>]| -> Vec<String> {
            processes.iter().map(|process| process.command.clone()).collect()
        };
        assert_eq!(commands(&group.distinct()), ["z", "y"]);
        assert_eq!(commands(&group.processes.iter().collect::<Vec<_>>()), ["x", "y", "z", "y", "x", "z"]);
    }

    #[test]
    fn groups_name_what_they_do_not_find() {
        let error = |lines: &str| Files::with(&format!("{THREE}[group:g]\n{lines}\n")).error();
        assert_eq!(error("programs=a,zz"), "[group:g] names unknown program or fcgi-program zz");
        assert_eq!(error("programs=a,"), "[group:g] names unknown program or fcgi-program ");
        assert_eq!(
            error("programs=a\n[fcgi-program:a]\ncommand=a\nsocket=tcp://h:1"),
            "[group:g] name a is ambiguous (exists as program and fcgi-program)"
        );
        assert_eq!(error("priority=x"), "invalid literal for int() with base 10: 'x'");
    }

    #[test]
    fn groups_compare_by_what_they_do() {
        let load = |text: &str| Files::with(text).load().groups;
        let before = load("[program:a]\ncommand=a\nenvironment=A=1,B=2\nuser=root\nstdout_logfile=AUTO\n");
        assert_eq!(before, load("[program:a]\nuser=0\nenvironment=B=2,A=1\ncommand=a\n"));
        assert_ne!(before, load("[program:a]\ncommand=a\nuser=root\nenvironment=A=1,B=3\n"));
        assert_ne!(before, load("[program:a]\ncommand=b\nuser=root\nenvironment=A=1,B=2\n"));
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
