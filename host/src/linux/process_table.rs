//! Processes as `/proc` shows them. It may hang, where a process does: this is for threads that may wait.

use std::{
    fs::{self, File},
    io::Read as _,
};

/// Line of a process in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Pid of its parent.
    pub(crate) parent: i32,
    /// Process group.
    pub(crate) group: i32,
    /// Session.
    pub(crate) session: i32,
    /// Moment of its start, in ticks since the system began.
    pub(crate) birth: u64,
    /// Set where it has ended, and waits for its parent to reap it.
    pub(crate) has_ended: bool,
}

/// List the pids of all processes.
pub(crate) fn pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Read the line of a process; `None` where there is none of that pid.
pub(crate) fn stat(pid: i32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse(stat: &str) -> Option<Stat> {
    // The name of the program stands between parentheses, and may hold any of them.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?;
    let mut number = || fields.next()?.parse().ok();
    let (parent, group, session) = (number()?, number()?, number()?);
    // Field 22 of the line, of which four were read here and two before.
    let birth = fields.nth(15)?.parse().ok()?;
    Some(Stat { parent, group, session, birth, has_ended: matches!(state, "Z" | "X" | "x") })
}

/// Read the name of the program that a process executes, cut by the kernel to 15 bytes.
pub(crate) fn command_name(pid: i32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end_matches('\n').to_owned())
}

/// Read the environment that a process was started with, and no more than so many bytes of it. Each variable ends with
/// a NUL.
pub(crate) fn environment(pid: i32, most: u64) -> Option<Vec<u8>> {
    let mut environment = Vec::new();
    let file = File::open(format!("/proc/{pid}/environ")).ok()?;
    file.take(most).read_to_end(&mut environment).ok()?;
    Some(environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_no_trap() {
        let rest = "0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 4711 8 9";
        let stat = parse(&format!("7 (a) S 1 (b)) S 5 6 7 {rest}")).unwrap();
        assert_eq!(stat, Stat { parent: 5, group: 6, session: 7, birth: 4711, has_ended: false });
        assert!(parse(&format!("7 (a) Z 5 6 7 {rest}")).unwrap().has_ended);
        assert!(parse("7 (a) S x").is_none());
    }

    #[test]
    fn this_process_is_in_the_table() {
        let own = std::process::id().cast_signed();
        assert!(pids().any(|pid| pid == own));
        assert_eq!(stat(own).unwrap().parent, nix::unistd::getppid().as_raw());
        assert!(!command_name(own).unwrap().contains('\n'));
        assert!(environment(own, 5).unwrap().len() <= 5);
    }
}
