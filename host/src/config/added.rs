//! A program that comes from a client or a plugin, not from the file.

use std::{cell::RefCell, sync::Arc};

use plugin_api::{Member, Value, repr};

use super::{
    dependencies,
    error::{Collector, ConfigError, ConfigErrors, Place},
    model::{Config, Group, GroupKind},
    options::Process,
    programs::Programs,
    resolve::Surroundings,
    sections::{Entry, Raw, Sections},
    types::{Level, Message},
    unknown,
};

impl Config {
    /// Make the processes of a program that is added to `group` while supervisord runs: `options` are the keys of what
    /// would be its `[program:name]`, and mean what they mean there. Also what is to be logged.
    pub fn added_program(
        &self,
        group: &str,
        name: &str,
        options: &[Member],
    ) -> Result<(Vec<Arc<Process>>, Vec<Message>), ConfigErrors> {
        self.resolve_added(group, name, options, Surroundings::of_this_process())
    }

    fn resolve_added(
        &self,
        group: &str,
        name: &str,
        options: &[Member],
        surroundings: Surroundings,
    ) -> Result<(Vec<Arc<Process>>, Vec<Message>), ConfigErrors> {
        let errors = Collector::default();
        if let Some(control) = name.chars().find(|character| character.is_control()) {
            // As of the characters that Supervisor refuses. No file could have this one in the name of a section.
            let (name, control) = (Value::from(name), Value::from(control.to_string()));
            let message = format!("Invalid name: {} because of character: {}", repr(&name), repr(&control));
            return Err(ConfigError::new(message).into());
        }
        // Its file is the main one: Supervisor's errors name that, too, and relative paths begin there.
        let place = Place { file: self.file.to_string_lossy().into(), line: 0 };
        let mut sections = Sections::default();
        let header = format!("program:{name}");
        let target = sections.open(&header, &place);
        for Member { name: key, value } in options {
            match raw(value) {
                Some(raw) => sections.set(target, &key.to_lowercase(), Entry { raw, place: place.clone() }),
                None => errors.push(ConfigError::new(format!("{key} in [{header}] takes no {}", repr(value)))),
            }
        }
        let Surroundings { names, host_node_name } = surroundings;
        let here = self.here.to_string_lossy();
        let mut names = names.at(&here, &host_node_name);
        for (name, value) in &self.supervisord.environment {
            names.set(format!("ENV_{name}"), value.as_str());
        }
        let section = sections.get(&header).expect("it was opened above");
        let slips = unknown::in_section(section).into_iter().map(|text| Message { level: Level::Warn, text });
        let messages = RefCell::new(slips.collect());
        let programs = Programs {
            sections: &sections,
            names: &names.freeze(),
            here: &here,
            host_node_name: &host_node_name,
            environment: &self.supervisord.environment,
            errors: &errors,
            messages: &messages,
            has_plugins: true,
        };
        let processes: Vec<_> = programs.processes(section, group).into_iter().map(Arc::new).collect();
        let mut groups: Vec<Group> = self.groups.iter().map(|group| Group::clone(group)).collect();
        match groups.iter_mut().find(|known| known.name == group) {
            Some(known) => known.processes.extend(processes.iter().cloned()),
            None => groups.push(Group {
                name: group.to_owned(),
                kind: GroupKind::Programs,
                priority: 0,
                processes: processes.clone(),
            }),
        }
        let is_new = |of: &str, it: &Process| of == group && processes.iter().any(|new| new.name == it.name);
        dependencies::check(&groups.iter().collect::<Vec<_>>(), &sections, &errors, is_new);
        errors.finish((processes, messages.into_inner()))
    }
}

/// Take a value as if it stood in a TOML file.
fn raw(value: &Value) -> Option<Raw> {
    Some(match value {
        Value::Bool(_) | Value::Int(_) | Value::Int64(_) | Value::Double(_) => {
            Raw::Scalar(repr(value).to_lowercase(), value.clone())
        }
        Value::Array(items) => Raw::List(items.iter().map(raw).collect::<Option<_>>()?),
        Value::Struct(members) => {
            Raw::Table(members.iter().map(|it| Some((it.name.to_string(), raw(&it.value)?))).collect::<Option<_>>()?)
        }
        other => Raw::Text(other.as_str()?.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        AutoRestart,
        testing::{Files, surroundings},
    };

    fn added(options: &[(&str, Value)]) -> Result<Vec<Arc<Process>>, String> {
        let files = Files::with("environment=A=\"1\"\n");
        let options: Vec<_> =
            options.iter().map(|(name, value)| Member { name: (*name).into(), value: value.clone() }).collect();
        let added = files.load().resolve_added("web", "job", &options, surroundings());
        added.map(|(processes, _)| processes).map_err(|errors| errors.to_string().replace(&files.here(), "HERE"))
    }

    #[test]
    fn a_program_is_read_as_if_it_stood_in_the_file() {
        let processes = added(&[
            ("command", "/bin/echo %(ENV_A)s %(group_name)s %(program_name)s %(ENV_X)s".into()),
            ("Process_Name", "%(program_name)s_%(process_num)d".into()),
            ("numprocs", 2.into()),
            ("autostart", "false".into()),
            ("autorestart", false.into()),
            ("exitcodes", "0,3".into()),
            ("environment", Value::structure([("B", "2".into())])),
        ])
        .unwrap();
        let names: Vec<_> = processes.iter().map(|process| process.name.as_str()).collect();
        assert_eq!(names, ["job_0", "job_1"]);
        let first = &processes[0];
        assert_eq!(first.command, "/bin/echo 1 web job x");
        assert_eq!((first.autostart, first.autorestart), (false, AutoRestart::Never));
        assert_eq!(first.exitcodes, [0, 3]);
        let environment: Vec<_> = first.environment.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(environment, ["A", "B"]);
    }

    #[test]
    fn what_is_wrong_with_it_is_said_as_of_a_file() {
        let end = " in section 'program:job' (file: 'HERE/main.conf')";
        assert_eq!(added(&[]), Err(format!("program section program:job does not specify a command{end}")));
        let slip = added(&[("command", "/bin/cat".into()), ("startsecs", "soon".into())]);
        assert_eq!(slip, Err(format!("invalid literal for int() with base 10: 'soon'{end}")));
        let files = Files::with("");
        let of = |name: &str| {
            let options = [("comand", "/bin/cat"), ("command", "/bin/cat"), ("zzz", "1")];
            let options = options.map(|(name, value)| Member { name: name.into(), value: value.into() });
            files.load().resolve_added("web", name, &options, surroundings())
        };
        let messages: Vec<_> = of("job").unwrap().1.into_iter().map(|message| (message.level, message.text)).collect();
        let expected = ["'comand' in [program:job]; did you mean 'command'?", "'zzz' in [program:job]"];
        assert_eq!(messages, expected.map(|text| (Level::Warn, format!("unknown key {text}"))));
        let name = of("a\nb [x").unwrap_err().to_string();
        assert_eq!(name, r"Invalid name: 'a\nb [x' because of character: '\n'");
        let unknown = added(&[("command", "/bin/cat".into()), ("depends_on", "web,nobody".into())]).unwrap_err();
        assert_eq!(unknown, "[program:job] depends on itself: web", "it is one of that group");
        let unknown = added(&[("command", "/bin/cat".into()), ("depends_on", "nobody".into())]).unwrap_err();
        assert_eq!(unknown, "[program:job] depends on nobody, which is no group, program or group:process");
        let nil = added(&[("command", Value::Nil)]).unwrap_err();
        assert_eq!(nil, "command in [program:job] takes no None");
    }
}
