//! Process groups: from `[group:x]`, `[program:x]`, `[eventlistener:x]` and `[fcgi-program:x]`.

use std::{cell::RefCell, collections::BTreeMap, path::PathBuf, sync::Arc};

use super::{
    Group, Level, Logfile, Message, Output, Process,
    datatypes::{integer, logfile_name, process_or_group_name},
    error::Collector,
    expand::Names,
    listeners,
    options::{self, Opt, program as options_of_program},
    reader::Reader,
    sections::{Section, Sections},
    unsupported,
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
    pub(super) environment: &'a BTreeMap<String, String>,
    pub(super) errors: &'a Collector,
    pub(super) messages: &'a RefCell<Vec<Message>>,
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
            listeners::eventlistener(self, name, section);
        }
        let left = self.sections.with_prefix("fcgi-program:").filter(|(_, section)| !taken.contains(&&*section.name));
        for (name, section) in left {
            listeners::fcgi_program(self, name, section);
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
        let programs = reader.get_list(&options::group::programs);
        let priority = reader.get(&options::group::priority);
        let mut processes = Vec::new();
        for program in programs {
            let of_program = self.sections.get(&format!("program:{program}"));
            let of_fcgi = self.sections.get(&format!("fcgi-program:{program}"));
            let (program, is_fcgi) = match (of_program, of_fcgi) {
                (Some(program), None) => (program, false),
                (None, Some(program)) => (program, true),
                (None, None) => {
                    let message = format!("[{}] names unknown program or fcgi-program {program}", section.name);
                    reader.fail(options::group::programs.key, message);
                    continue;
                }
                (Some(_), Some(_)) => {
                    let why = "exists as program and fcgi-program";
                    let message = format!("[{}] name {program} is ambiguous ({why})", section.name);
                    reader.fail(options::group::programs.key, message);
                    continue;
                }
            };
            taken.push(&program.name);
            processes.extend(self.processes(program, &name));
            if is_fcgi {
                unsupported::section(&self.reader(program));
            }
        }
        Some(self.assemble(name, priority, processes))
    }

    /// `[program:x]` that no group has taken: a group of its own name.
    fn homogeneous(&self, name: &str, section: &'a Section) -> Option<Group> {
        let reader = self.reader(section);
        let name = reader.check_section(process_or_group_name(name))?;
        let priority = reader.get(&options_of_program::priority);
        let processes = self.processes(section, &name);
        Some(self.assemble(name, priority, processes))
    }

    /// Processes in order, those with the same name reduced to the last one.
    fn assemble(&self, name: String, priority: i32, mut processes: Vec<Process>) -> Group {
        let all = processes.len();
        let mut names = std::collections::HashSet::new();
        processes.reverse();
        processes.retain(|process| names.insert(process.name.clone()));
        if processes.len() < all {
            self.warn(format!("Several processes of the group {name} have the same name, the last of them is used"));
        }
        processes.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
        Group { name, priority, processes: processes.into_iter().map(Arc::new).collect() }
    }

    fn warn(&self, text: String) {
        let message = Message { level: Level::Warn, text };
        let mut messages = self.messages.borrow_mut();
        if !messages.contains(&message) {
            messages.push(message);
        }
    }

    /// The processes that a section makes, each of its `numprocs`.
    pub(super) fn processes(&self, section: &'a Section, group_name: &str) -> Vec<Process> {
        use options::program as options;

        let names = self.names.with([("here", self.here.into())]);
        let mut reader = Reader::new(self.sections, section, names, self.errors).naming_section();
        let name = section.name.split_once(':').map_or("", |(_, name)| name);
        let Some(program_name) = reader.check_section(process_or_group_name(name)) else { return Vec::new() };
        reader.names.set("program_name", program_name);
        reader.names.set("host_node_name", self.host_node_name);
        reader.names.set("group_name", group_name);

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
        let stdout_capture_maxbytes = reader.get(&options::stdout_capture_maxbytes);
        let stdout_events_enabled = reader.get(&options::stdout_events_enabled);
        let stderr_capture_maxbytes = reader.get(&options::stderr_capture_maxbytes);
        let stderr_events_enabled = reader.get(&options::stderr_events_enabled);
        let serverurl = reader.find(&options::serverurl).filter(|url| !url.trim().eq_ignore_ascii_case("auto"));
        let user = reader.find(&options::user);
        let umask = reader.find(&options::umask);
        let process_name = reader.unexpanded(options::process_name.key).map_or_else(
            || options::process_name.default.map(str::to_owned),
            |name| reader.check(options::process_name.key, process_or_group_name(name)),
        );
        let Some(process_name) = process_name else { return Vec::new() };
        if numprocs > 1 && !process_name.contains("%(process_num)") {
            let message = "%(process_num) must be present within process_name when numprocs > 1";
            reader.fail(options::process_name.key, message);
        }
        if stopasgroup && !killasgroup {
            reader.fail(options::killasgroup.key, "Cannot set stopasgroup=true and killasgroup=false");
        }
        if numprocs > MAX_NUMPROCS {
            reader.fail(options::numprocs.key, format!("numprocs={numprocs} is more than {MAX_NUMPROCS}"));
            return Vec::new();
        }

        let process = |reader: &mut Reader<'_>, process_num: i64| {
            reader.names.restore_frozen();
            reader.names.set("process_num", process_num);
            reader.names.set("numprocs", numprocs);
            let own_environment = reader.environment(&options::environment);
            for (name, value) in &own_environment {
                reader.names.set(format!("ENV_{name}"), value.as_str());
            }
            let directory = reader.find(&options::directory);
            let mut stdout = self.output(reader, &STDOUT);
            stdout.capture_maxbytes = stdout_capture_maxbytes;
            stdout.events_enabled = stdout_events_enabled;
            let mut stderr = self.output(reader, &STDERR);
            stderr.capture_maxbytes = stderr_capture_maxbytes;
            stderr.events_enabled = stderr_events_enabled;
            if redirect_stderr {
                if let Logfile::Path(_) = stderr.logfile {
                    self.warn(format!(
                        "For [{}], redirect_stderr=true but stderr_logfile has also been set to a filename, the \
                         filename has been ignored",
                        section.name
                    ));
                }
                stderr.logfile = Logfile::None;
            }
            if !reader.has(options::command.key) {
                reader.fail_section(format!("program section {} does not specify a command", section.name));
            }
            let command = reader.find(&options::command)?;
            let name = reader.names.expand(&process_name, options::process_name.key);
            let name = reader.check(options::process_name.key, name)?;
            unsupported::output(reader, &stdout, STDOUT.keys_of_events());
            unsupported::output(reader, &stderr, STDERR.keys_of_events());

            let mut environment = self.environment.clone();
            environment.extend(own_environment);
            Some(Process {
                name,
                command,
                directory,
                umask,
                priority,
                autostart,
                autorestart,
                startsecs,
                startretries,
                user: user.clone(),
                stdout,
                stderr,
                stopsignal,
                stopwaitsecs,
                stopasgroup,
                killasgroup,
                exitcodes: exitcodes.clone(),
                redirect_stderr,
                environment: environment.into_iter().collect(),
                serverurl: serverurl.clone(),
            })
        };
        let numbers = numprocs_start..numprocs_start.saturating_add(numprocs);
        numbers.filter_map(|process_num| process(&mut reader, process_num)).collect()
    }

    /// `stdout_*` or `stderr_*`, but for what is the same for all processes of the section.
    fn output(&self, reader: &Reader<'_>, channel: &Channel) -> Output {
        let key = channel.logfile.key;
        // Expanded twice, as Supervisor does; a name that this brings out is found by both.
        let logfile = reader
            .text(key)
            .and_then(|text| reader.check(key, reader.names.expand(&text, key)))
            .and_then(|text| reader.check(key, logfile_name(&text)))
            .unwrap_or(Logfile::Auto);
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
        Output { logfile, maxbytes, backups, capture_maxbytes: 0, events_enabled: false, syslog }
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

impl Channel {
    fn keys_of_events(&self) -> [&'static str; 4] {
        [self.capture_maxbytes.key, self.events_enabled.key, self.syslog.key, self.logfile.key]
    }
}

const STDOUT: Channel = Channel {
    logfile: &options_of_program::stdout_logfile,
    maxbytes: &options_of_program::stdout_logfile_maxbytes,
    backups: &options_of_program::stdout_logfile_backups,
    syslog: &options_of_program::stdout_syslog,
    capture_maxbytes: &options_of_program::stdout_capture_maxbytes,
    events_enabled: &options_of_program::stdout_events_enabled,
};

const STDERR: Channel = Channel {
    logfile: &options_of_program::stderr_logfile,
    maxbytes: &options_of_program::stderr_logfile_maxbytes,
    backups: &options_of_program::stderr_logfile_backups,
    syslog: &options_of_program::stderr_syslog,
    capture_maxbytes: &options_of_program::stderr_capture_maxbytes,
    events_enabled: &options_of_program::stderr_events_enabled,
};
