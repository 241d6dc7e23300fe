//! What ties supervisord to Linux stands in `host/src/linux`, where whoever brings it to another system finds it all.

use std::fs;

use crate::source;

/// Pieces of code that only Linux knows.
const OF_LINUX: [&str; 31] = [
    "\"/proc",
    "linux::net::",
    "linux::fs::",
    "Sysno",
    "libc::SYS_",
    "syscall(",
    "prctl",
    "memfd",
    "unshare(",
    "CLONE_",
    "libc::clone",
    "execveat",
    "signalfd",
    "pidfd",
    "eventfd",
    "timerfd",
    "epoll",
    "inotify",
    "sendfile",
    "splice(",
    "abstract_name",
    "PassCred",
    "PeerCredentials",
    "ucred",
    "SCM_CREDENTIALS",
    "TMPFS_MAGIC",
    "O_PATH",
    "SealFlag",
    "malloc_trim",
    "init_array",
    "RLIMIT_NICE",
];

/// Code of a file: its lines without those of comments, up to its tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(at, line)| (at + 1, line))
}

#[test]
fn what_only_linux_has_stands_in_one_folder() {
    let root = source::workspace().join("host/src");
    let (mut inside, mut faults) = (String::new(), Vec::new());
    for file in source::files(&root) {
        let text = fs::read_to_string(&file).expect("it was listed");
        let name = file.strip_prefix(&root).expect("it lies there");
        for (number, line) in code(&text) {
            if name.starts_with("linux") {
                inside.push_str(line);
            } else if let Some(piece) = OF_LINUX.iter().find(|piece| line.contains(**piece)) {
                faults.push(format!("{}:{number}: {piece}", name.display()));
            }
        }
    }
    assert!(faults.is_empty(), "only Linux knows these: move them to host/src/linux:\n{}", faults.join("\n"));
    for known in ["\"/proc", "Sysno", "prctl", "memfd", "linux::net::", "init_array"] {
        assert!(inside.contains(known), "{known} is where it was looked for");
    }
}

#[test]
fn each_file_of_linux_has_a_line_on_other_systems() {
    let folder = source::workspace().join("host/src/linux");
    let table = fs::read_to_string(folder.join("mod.rs")).expect("it is there");
    for file in source::files(&folder) {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a name");
        let is_in_table = table.lines().any(|line| {
            let cell = line.strip_prefix("//! |").and_then(|line| line.split('|').next());
            cell.is_some_and(|cell| cell.contains(&format!("`{name}`")))
        });
        assert!(name == "mod" || is_in_table, "host/src/linux/mod.rs does not say what other systems have for {name}");
    }
}
