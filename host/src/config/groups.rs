//! Process groups: from `[group:x]`, `[program:x]`, `[eventlistener:x]` and `[fcgi-program:x]`.

use std::sync::Arc;

use super::{
    datatypes::process_or_group_name,
    eventlistener, fcgi_program,
    model::{Group, GroupKind},
    options::{group as of_group, program},
    programs::Programs,
    sections::Section,
    types::Update,
};

/// Make all groups, in order of priority, then name.
pub(super) fn groups(programs: &Programs<'_>) -> Vec<Arc<Group>> {
    let mut groups = Vec::new();
    let mut taken = Vec::new();
    for (name, section) in programs.sections.with_prefix("group:") {
        groups.extend(group(programs, name, section, &mut taken));
    }
    for (name, section) in
        programs.sections.with_prefix("program:").filter(|(_, section)| !taken.contains(&&*section.name))
    {
        groups.extend(homogeneous(programs, name, section));
    }
    for (name, section) in programs.sections.with_prefix("eventlistener:") {
        groups.extend(eventlistener::eventlistener(programs, name, section));
    }
    let left = programs.sections.with_prefix("fcgi-program:").filter(|(_, section)| !taken.contains(&&*section.name));
    for (name, section) in left {
        groups.extend(fcgi_program::fcgi_program(programs, name, section));
    }
    groups.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
    for pair in groups.windows(2).filter(|pair| pair[0].name == pair[1].name) {
        programs
            .warn(format!("There are several process groups named {}, only the first of them is used", pair[0].name));
    }
    groups.into_iter().map(Arc::new).collect()
}

/// Make the group of `[group:x]`. The sections that it takes its programs from make no group of their own.
fn group<'a>(programs: &Programs<'a>, name: &str, section: &'a Section, taken: &mut Vec<&'a str>) -> Option<Group> {
    let reader = programs.reader(section);
    let name = reader.check_section(process_or_group_name(name))?;
    let members = reader.get(&of_group::programs);
    let priority = reader.get(&of_group::priority);
    let mut processes = Vec::new();
    for program in members {
        let of_program = programs.sections.get(&format!("program:{program}"));
        let of_fcgi = programs.sections.get(&format!("fcgi-program:{program}"));
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
        processes.extend(programs.processes(program, &name));
    }
    let depends_on = reader.get(&of_group::depends_on);
    let is_minimal = reader.get(&of_group::update) == Update::Minimal;
    for process in &mut processes {
        if is_minimal {
            process.update = Update::Minimal;
        }
        let further = depends_on.iter().filter(|it| !process.depends_on.contains(it)).cloned().collect::<Vec<_>>();
        process.depends_on.extend(further);
    }
    Some(programs.assemble(name, priority, GroupKind::Programs, processes))
}

/// Make a group of a `[program:x]` that no group has taken, with its name.
fn homogeneous<'a>(programs: &Programs<'a>, name: &str, section: &'a Section) -> Option<Group> {
    let reader = programs.reader(section);
    let name = reader.check_section(process_or_group_name(name))?;
    let priority = reader.get(&program::priority);
    let processes = programs.processes(section, &name);
    Some(programs.assemble(name, priority, GroupKind::Programs, processes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        options::Process,
        testing::{Files, group},
    };

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
}
