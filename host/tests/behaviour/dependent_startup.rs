//! The boot of a network switch, as it is done with a Python listener today and as `depends_on=` does it: the same
//! programs in the same order, under Supervisor and under ours.

use crate::common::{Config, Peers, Supervisord, wait_until};

/// Twelve programs: name, command, and what each waits for, as the listener spells it.
const PROGRAMS: [(&str, &str, &str); 12] = [
    ("rsyslogd", "/bin/sleep 1000", ""),
    ("start", "/bin/true", "rsyslogd:running"),
    ("gearsyncd", "/bin/true", "start:exited"),
    ("portsyncd", "/bin/sleep 1000", "gearsyncd:exited"),
    ("orchagent", "/bin/sleep 1000", "portsyncd:running"),
    ("swssconfig", "/bin/true", "orchagent:running"),
    ("restore_neighbors", "/bin/true", "swssconfig:exited"),
    ("coppmgrd", "/bin/sleep 1000", "orchagent:running swssconfig:exited restore_neighbors:exited"),
    ("neighsyncd", "/bin/sleep 1000", "coppmgrd:running"),
    ("vlanmgrd", "/bin/sleep 1000", "neighsyncd:running swssconfig:exited"),
    ("intfmgrd", "/bin/sleep 1000", "vlanmgrd:running"),
    ("fdbsyncd", "/bin/sleep 1000", "intfmgrd:running rsyslogd:running"),
];

/// A config of these programs, in the file in the reverse order, with what `keys` says of what one waits for.
fn switch(keys: impl Fn(&str) -> String) -> Config {
    PROGRAMS.iter().enumerate().rev().fold(Config::new(), |config, (priority, (name, command, needs))| {
        let lines = format!("command={command}\npriority={priority}\nstartsecs=0\nautorestart=false\nexitcodes=0\n");
        config.program(name, &(lines + &keys(needs)))
    })
}

/// The programs in the order in which they were spawned, once all were.
fn spawned(supervisord: &Supervisord) -> Vec<String> {
    let so_far = || {
        let lines = supervisord.log_lines();
        let names = lines.iter().filter_map(|line| Some(line.split_once("spawned: '")?.1.split_once('\'')?.0));
        names.filter(|name| *name != "dependent-startup").map(str::to_owned).collect::<Vec<_>>()
    };
    let all = || PROGRAMS.iter().all(|(name, ..)| so_far().iter().any(|it| it == name));
    wait_until("all are spawned", all);
    so_far()
}

/// Each program where it was spawned for the first time: the listener, which hears of what was a while ago, starts again
/// what has already ended.
fn first_spawns(supervisord: &Supervisord) -> Vec<String> {
    let mut names = Vec::new();
    for name in spawned(supervisord) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[test]
fn the_keys_give_the_order_that_the_listener_gives() {
    let listener = Peers::get().program("python");
    let listener = format!(
        "command={} -m supervisord_dependent_startup -c {{here}}/supervisord.conf\nautostart=true\n\
         autorestart=unexpected\nstartretries=0\nexitcodes=0,3\nevents=PROCESS_STATE\nbuffer_size=1024\n\
         stderr_logfile={{here}}/listener",
        listener.display()
    );
    let with_listener = switch(|needs| {
        let waits = if needs.is_empty() { String::new() } else { format!("dependent_startup_wait_for={needs}\n") };
        format!("autostart=false\ndependent_startup=true\n{waits}")
    })
    .section("eventlistener:dependent-startup", &listener);
    let with_keys = switch(|needs| format!("depends_on={}", needs.replace(' ', ", ")));

    let expected: Vec<_> = PROGRAMS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(spawned(&Supervisord::start(&with_keys)), expected, "ours, with depends_on");
    for supervisord in Supervisord::both(&with_listener) {
        assert_eq!(
            first_spawns(&supervisord),
            expected,
            "{:?} with the listener",
            supervisord.sandbox.read("listener")
        );
    }
}
