//! Check of `depends_on=`, and the way from a name in it to the processes that it means.

use std::collections::{HashMap, HashSet};

use super::{
    error::{Collector, ConfigError},
    model::Group,
    options::{Process, program as options},
    sections::Sections,
    types::{AutoRestart, Condition, Dependency},
};
use crate::text::namespec::make_namespec;

/// Names that `depends_on=` may have, of processes that are numbered in the order in which they were added.
#[derive(Debug, Default)]
pub struct DependencyNames<'a> {
    groups: HashMap<&'a str, Vec<usize>>,
    programs: HashMap<&'a str, Vec<usize>>,
    processes: HashMap<&'a str, HashMap<&'a str, usize>>,
    count: usize,
}

impl<'a> DependencyNames<'a> {
    /// Add a group, which may be empty.
    pub fn add_group(&mut self, group: &'a str) {
        self.groups.entry(group).or_default();
    }

    /// Add a process of a group.
    pub fn add_process(&mut self, group: &'a str, process: &'a Process) {
        self.groups.entry(group).or_default().push(self.count);
        self.programs.entry(&process.numbering.program).or_default().push(self.count);
        self.processes.entry(group).or_default().insert(&process.name, self.count);
        self.count += 1;
    }

    /// Find the processes that a name means: those of a group, `group` or `group:*`; the one that is `group:process`; or
    /// those of a program, whatever group has them. `None` where there is no such thing.
    pub fn find(&self, name: &str) -> Option<&[usize]> {
        let group = |name: &str| self.groups.get(name).map(Vec::as_slice);
        match name.split_once(':') {
            Some((name, "" | "*")) => group(name),
            Some((group, process)) => self.processes.get(group)?.get(process).map(std::slice::from_ref),
            None => group(name).or_else(|| self.programs.get(name).map(Vec::as_slice)),
        }
    }
}

impl Process {
    /// Tell whether it says itself when it is ready, or a probe does.
    pub fn has_ready(&self) -> bool {
        self.ready.is_some()
    }
}

/// Processes of all groups, as far as they will run, with their groups.
type Members<'a> = Vec<(&'a str, &'a Process)>;

/// Check the dependencies of those processes that `is_new` picks; all others are known to be right.
pub(super) fn check(
    groups: &[&Group],
    sections: &Sections,
    errors: &Collector,
    is_new: impl Fn(&str, &Process) -> bool,
) {
    let mut names = DependencyNames::default();
    let mut members: Members<'_> = Vec::new();
    let mut known = HashSet::new();
    for group in groups {
        // Of groups of one name only the first is used.
        if known.insert(group.name.as_str()) {
            names.add_group(&group.name);
            members.extend(group.distinct().into_iter().map(|process| (group.name.as_str(), &**process)));
        }
    }
    if members.iter().all(|(_, process)| process.depends_on.is_empty()) {
        return;
    }
    for (group, process) in &members {
        names.add_process(group, process);
    }
    let mut needs = vec![Vec::new(); members.len()];
    for (index, (group, process)) in members.iter().enumerate() {
        for dependency in &process.depends_on {
            match targets(&names, &members, index, dependency) {
                Ok(targets) => needs[index].extend(targets),
                Err(why) if is_new(group, process) => push(errors, sections, group, process, Some(dependency), &why),
                Err(_) => {}
            }
        }
    }
    let new = (0..members.len()).filter(|&index| is_new(members[index].0, members[index].1));
    if let Some(circle) = circle(&needs, new) {
        let name = |index: usize| make_namespec(members[index].0, &members[index].1.name);
        let steps: Vec<_> = (0..circle.len())
            .map(|at| format!("{} needs {}", name(circle[at]), name(circle[(at + 1) % circle.len()])))
            .collect();
        let (group, process) = members[circle[0]];
        let why = format!("depends on itself in a circle: {}", steps.join(", "));
        push(errors, sections, group, process, None, &why);
    }
}

/// Find the processes that one process needs, by their numbers. The error says why that cannot be, and begins with a
/// verb.
fn targets<'n>(
    names: &'n DependencyNames<'_>,
    members: &Members<'_>,
    index: usize,
    dependency: &Dependency,
) -> Result<&'n [usize], String> {
    let targets = names
        .find(&dependency.name)
        .ok_or_else(|| format!("depends on {}, which is no group, program or group:process", dependency.name))?;
    if targets.contains(&index) {
        return Err(format!("depends on itself: {dependency}"));
    }
    for &target in targets {
        let (group, process) = members[target];
        let name = make_namespec(group, &process.name);
        match dependency.condition {
            Condition::Exited if process.autorestart == AutoRestart::Always => {
                return Err(format!("depends on {dependency}, but {name} has autorestart=true and never stays EXITED"));
            }
            Condition::Ready if !process.has_ready() => {
                return Err(format!("depends on {dependency}, but {name} has no ready="));
            }
            _ => {}
        }
    }
    Ok(targets)
}

/// Find a circle that one of the given processes can get into.
fn circle(needs: &[Vec<usize>], from: impl Iterator<Item = usize>) -> Option<Vec<usize>> {
    let mut is_done = vec![false; needs.len()];
    for start in from {
        // The way from `start` to where the search is, each with the number of its needs that were followed.
        let mut way: Vec<(usize, usize)> = vec![(start, 0)];
        let mut is_on_way = vec![false; if is_done[start] { 0 } else { needs.len() }];
        while let Some((at, followed)) = way.pop() {
            if is_done[at] {
                continue;
            }
            is_on_way[at] = true;
            let Some(&next) = needs[at].get(followed) else {
                (is_done[at], is_on_way[at]) = (true, false);
                continue;
            };
            way.push((at, followed + 1));
            if is_on_way[next] {
                let first = way.iter().position(|(index, _)| *index == next)?;
                return Some(way[first..].iter().map(|(index, _)| *index).collect());
            }
            way.push((next, 0));
        }
    }
    None
}

/// Report an error about the key that a dependency comes from: that of the process, or of its group.
fn push(
    errors: &Collector,
    sections: &Sections,
    group: &str,
    process: &Process,
    dependency: Option<&Dependency>,
    why: &str,
) {
    let option = &options::depends_on;
    let program = &process.numbering.program;
    let kinds = ["program", "fcgi-program", "eventlistener"].map(|kind| format!("{kind}:{program}"));
    let has_it = |raw: &super::sections::Raw| dependency.is_none_or(|it| format!("{raw:?}").contains(&it.name));
    let candidates = kinds.into_iter().chain([format!("group:{group}")]).filter_map(|name| sections.get(&name));
    let entries = candidates.filter_map(|section| Some((section, sections.entry(section, option.key)?)));
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by_key(|(_, entry)| !has_it(&entry.raw));
    let Some((section, entry)) = entries.first() else {
        return errors.push(ConfigError::new(format!("{} {why}", make_namespec(group, &process.name))));
    };
    errors.push(ConfigError {
        key: Some(option.key.into()),
        place: Some(entry.place.clone()),
        section: Some(section.name.clone()),
        expected: option.value_type.expected,
        ..ConfigError::new(format!("[{}] {why}", section.name))
    });
}

#[cfg(test)]
mod tests {
    use crate::config::testing::Files;

    fn report(text: &str) -> String {
        Files::with(text).report()
    }

    fn programs(lines: &[(&str, &str)]) -> String {
        let sections: Vec<_> =
            lines.iter().map(|(name, lines)| format!("[program:{name}]\ncommand=/bin/cat\n{lines}\n")).collect();
        sections.concat()
    }

    #[test]
    fn names_are_of_groups_programs_and_processes() {
        let shown = |text: &str| {
            let config = Files::with(text).load();
            let all = config.groups.iter().flat_map(|group| group.processes.iter());
            all.map(|it| (it.name.clone(), it.depends_on.iter().map(ToString::to_string).collect::<Vec<_>>()))
                .filter(|(_, depends_on)| !depends_on.is_empty())
                .collect::<Vec<_>>()
        };
        let two = "numprocs=2\nprocess_name=%(program_name)s_%(process_num)d";
        let text = programs(&[
            ("a", ""),
            ("m", "autorestart=false"),
            ("n", two),
            ("x", "depends_on=a:running,m:exited,n,n:n_0,n:*,in,g:in"),
            ("in", "depends_on=a"),
            ("too", ""),
        ]) + "[group:g]\nprograms=in,too\ndepends_on=a,m:exited\n";
        let of =
            |name: &str, list: &[&str]| (name.to_owned(), list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            shown(&text),
            [
                of("in", &["a", "m:exited"]),
                of("too", &["a", "m:exited"]),
                of("x", &["a", "m:exited", "n", "n:n_0", "n:*", "in", "g:in"]),
            ]
        );
    }

    #[test]
    fn errors_name_what_is_wrong_and_where() {
        let takes = "takes groups, programs or group:process with commas between them, each with :exited or :ready behind \
                     it if not :running is meant";
        let cases = [
            ("depends_on=a,zz", "depends on zz, which is no group, program or group:process"),
            ("depends_on=a:raedy", "depends on a:raedy, which is no group, program or group:process"),
            ("depends_on=x", "depends on itself: x"),
            ("depends_on=x:*:exited", "depends on itself: x:*:exited"),
            ("depends_on=a:exited", "depends on a:exited, but a has autorestart=true and never stays EXITED"),
            ("depends_on=a:ready", "depends on a:ready, but a has no ready="),
        ];
        for (line, message) in cases {
            let text = programs(&[("a", "autorestart=true"), ("x", line)]);
            assert_eq!(
                report(&text),
                format!("[program:x] {message}\n  at HERE/main.conf, line 7: depends_on {takes}\n")
            );
        }
        let text = programs(&[("x", "")]) + "[group:g]\nprograms=x\ndepends_on=g\n";
        assert!(report(&text).starts_with("[group:g] depends on itself: g\n  at HERE/main.conf, line 7: depends_on"));
        let twice = "[program:x]\ncommand=/bin/cat\nnumprocs=3\nprocess_name=%(process_num)d\ndepends_on=zz\n";
        assert_eq!(report(twice).lines().count(), 2, "once for the section");
    }

    #[test]
    fn a_circle_is_named_from_end_to_end() {
        let text =
            programs(&[("a", "depends_on=c"), ("b", "depends_on=a"), ("c", "depends_on=b"), ("d", "depends_on=a")]);
        let message = "[program:a] depends on itself in a circle: a needs c, c needs b, b needs a";
        assert!(
            report(&text).starts_with(&format!("{message}\n  at HERE/main.conf, line 4: depends_on")),
            "{}",
            report(&text)
        );
        let text = programs(&[("a", "depends_on=g"), ("b", ""), ("c", "depends_on=a")]) + "[group:g]\nprograms=b,c\n";
        assert!(report(&text).contains("a needs g:c, g:c needs a"), "{}", report(&text));
        let diamond =
            [("a", ""), ("b", "depends_on=a"), ("c", "depends_on=a"), ("d", "depends_on=b,c"), ("e", "depends_on=a,d")];
        drop(Files::with(&programs(&diamond)).load());
    }
}
