//! Patterns in place of names, and restarts of one process after the other.

use std::fs;

use crate::common::{Config, Supervisord, wait_until};

const IDLE: &str = "command=/bin/cat\nstartsecs=0\nautostart=false";

/// Programs alone and in groups.
fn config() -> Config {
    let several = format!("{IDLE}\nnumprocs=4\nprocess_name=%(program_name)s_%(process_num)02d");
    Config::new()
        .program("web_1", IDLE)
        .program("web_2", IDLE)
        .program("w[1]", IDLE)
        .program("w1", IDLE)
        .section("program:g", &format!("{several}\nstdout_logfile={{here}}/g_%(process_num)d.out\nstderr_logfile=NONE"))
}

#[test]
fn patterns_stand_wherever_a_name_does() {
    let supervisord = Supervisord::start(&config());
    let lines = |words: &[&str]| {
        let output = supervisord.ctl(words);
        let mut lines: Vec<String> = output.stdout.lines().map(str::to_owned).collect();
        lines.sort();
        (output.status, lines)
    };
    let all = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert_eq!(lines(&["start", "web_*"]), (0, all(&["web_1: started", "web_2: started"])));
    assert_eq!(lines(&["start", "web_?"]).0, 0, "as where they are named");
    let started = all(&["g:g_01: started", "g:g_02: started", "g:g_03: started"]);
    assert_eq!(lines(&["start", "g:*_0[1-3]"]), (0, started));
    assert_eq!(lines(&["stop", "g_0[!12]"]), (0, all(&["g:g_00: ERROR (not running)", "g:g_03: stopped"])));
    assert_eq!(lines(&["signal", "CONT", "g:*[12]"]), (0, all(&["g:g_01: signalled", "g:g_02: signalled"])));
    assert_eq!(lines(&["clear", "web_*", "web_1"]), (0, all(&["web_1: cleared", "web_2: cleared"])));
    let (status, shown) = lines(&["status", "web_*", "g:g_01"]);
    assert_eq!((status, shown.len()), (0, 3), "{shown:?}");
    let pids = lines(&["pid", "web_*"]).1;
    assert_eq!(pids.len(), 2);
    let restarted = all(&["web_1: started", "web_1: stopped", "web_2: started", "web_2: stopped"]);
    assert_eq!(lines(&["restart", "web_*"]), (0, restarted));
    assert!(lines(&["pid", "web_*"]).1.iter().all(|pid| !pids.contains(pid)));

    // A name that is one is no pattern, and neither is a star; and the whole group is the group.
    assert_eq!(lines(&["stop", "*"]), (1, all(&["*: ERROR (no such process)"])));
    assert_eq!(lines(&["start", "w[1]"]), (0, all(&["w[1]: started"])));
    assert_eq!(supervisord.statename("w1"), "STOPPED");
    assert_eq!(lines(&["stop", "g:*"]).1, all(&["g:g_01: stopped", "g:g_02: stopped"]));
    // What matches nothing is a name that nothing has.
    assert_eq!(lines(&["start", "z*"]), (1, all(&["z*: ERROR (no such process)"])));
    assert_eq!(lines(&["stop", "z*:*"]), (1, all(&["z*: ERROR (no such group)"])));
    assert_eq!(lines(&["status", "z*"]), (4, all(&["z*: ERROR (no such process)"])));
    assert_eq!(lines(&["pid", "z?"]), (1, all(&["No such process z?"])));
    assert_eq!(lines(&["remove", "z*"]), (1, all(&["ERROR: no such process/group: z*"])));

    supervisord.sandbox.write("g_1.out", "of one\n");
    assert_eq!(supervisord.ctl(&["tail", "g:*_01"]).text(), "of one\n\n");
    let several = supervisord.ctl(&["tail", "web_*"]);
    let text = "Error: tail takes one process, and web_* matches web_1, web_2\n";
    assert_eq!((several.status, several.stdout.as_str()), (1, text));
}

#[test]
fn patterns_name_groups_where_groups_are_named() {
    let supervisord = Supervisord::start(&config());
    let text = |words: &[&str]| supervisord.ctl(words).text().to_owned();
    assert_eq!(text(&["remove", "web_*"]), "web_1: removed process group\nweb_2: removed process group\n");
    assert_eq!(text(&["add", "web_*", "web_1"]), "web_1: added process group\nweb_2: added process group\n");
    let file = supervisord.config_file();
    let changed = fs::read_to_string(file).unwrap().replace("[program:web_", "[program:net_");
    fs::write(file, changed).unwrap();
    assert_eq!(text(&["update", "net_[12]"]), "net_1: added process group\nnet_2: added process group\n");
    let removed = "web_1: stopped\nweb_1: removed process group\nweb_2: stopped\nweb_2: removed process group\n";
    assert_eq!(text(&["update", "web*"]), removed);
    let unknown = supervisord.ctl(&["update", "z*"]);
    assert_eq!((unknown.status, unknown.stdout.as_str()), (1, "ERROR: no such group: z*\n"));
}

/// Four processes that start unless there is a file with their name.
fn fallible() -> Config {
    let script = "test -e {here}/bad_$SUPERVISOR_PROCESS_NAME || exec sleep 1000";
    Config::new().section(
        "program:g",
        &format!(
            "command=/bin/sh -c '{script}'\nstartsecs=1\nstartretries=0\nnumprocs=4\nprocess_name=p%(process_num)d\n\
             stdout_logfile=NONE\nstderr_logfile=NONE"
        ),
    )
}

/// What the log says of stops and starts, in order, `-p0`, `+p0`, once it says so much.
fn steps(supervisord: &Supervisord, count: usize) -> Vec<String> {
    wait_until("the log has said it", || said(supervisord).len() >= count);
    said(supervisord)
}

fn said(supervisord: &Supervisord) -> Vec<String> {
    let step = |line: String| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [_, "stopped:", name, ..] => Some(format!("-{name}")),
            [_, "success:", name, ..] => Some(format!("+{name}")),
            _ => None,
        }
    };
    supervisord.log_lines().into_iter().filter_map(step).collect()
}

#[test]
fn a_rolling_restart_goes_on_once_each_is_running() {
    let supervisord = Supervisord::start(&fallible());
    for n in 0..4 {
        supervisord.wait_for_state(&format!("g:p{n}"), "RUNNING");
    }
    let printed = supervisord.ctl(&["restart", "--rolling", "g:*"]);
    let expected: Vec<String> = (0..4).flat_map(|n| [format!("g:p{n}: stopped"), format!("g:p{n}: started")]).collect();
    assert_eq!(printed.text().lines().collect::<Vec<_>>(), expected);
    assert_eq!(steps(&supervisord, 12)[4..], ["-p0", "+p0", "-p1", "+p1", "-p2", "+p2", "-p3", "+p3"]);

    assert_eq!(supervisord.ctl(&["restart", "--rolling", "--batch", "2", "p[123]"]).status, 0);
    let mut together = steps(&supervisord, 18).split_off(12);
    assert_eq!(together.len(), 6);
    together[..2].sort_unstable();
    together[2..4].sort_unstable();
    assert_eq!(together, ["-p1", "-p2", "+p1", "+p2", "-p3", "+p3"]);
}

#[test]
fn a_rolling_restart_ends_with_the_first_that_does_not_come_up() {
    let supervisord = Supervisord::start(&fallible());
    for n in 0..4 {
        supervisord.wait_for_state(&format!("g:p{n}"), "RUNNING");
    }
    let pid = |n: u32| supervisord.info(&format!("g:p{n}"), "pid");
    let before = [pid(2), pid(3)];
    supervisord.sandbox.write("bad_p1", "");
    let output = supervisord.ctl(&["restart", "--rolling", "g:*"]);
    let expected = "g:p0: stopped\ng:p0: started\ng:p1: stopped\ng:p1: ERROR (spawn error)\n\
                    restart stopped; left as they were: g:p2, g:p3\n";
    assert_eq!((output.status, output.stdout.as_str()), (1, expected));
    assert_eq!([pid(2), pid(3)], before);

    // A name that is none, and words that make no sense, do nothing at all.
    let unknown = supervisord.ctl(&["restart", "--rolling", "g:p2", "nope", "no:*"]);
    let text = "nope: ERROR (no such process)\nno: ERROR (no such group)\n";
    assert_eq!((unknown.status, unknown.stdout.as_str()), (1, text));
    for (words, text) in [
        (&["restart", "--rolling"][..], "Error: restart requires a process name"),
        (&["restart", "--batch", "2", "g:*"], "Error: --batch goes with --rolling"),
        (&["restart", "--rolling", "--batch", "none", "g:*"], "Error: --batch takes a number from 1 on, not 'none'"),
    ] {
        let output = supervisord.ctl(words);
        assert!(output.status == 1 && output.stdout.starts_with(text), "{output:?}");
    }
    assert_eq!([pid(2), pid(3)], before);
}

#[test]
fn a_bar_shows_on_a_terminal_what_takes_long() {
    let config = Config::new()
        .program("slow_1", "command=/bin/cat\nautostart=false\nstartsecs=2")
        .program("slow_2", "command=/bin/cat\nautostart=false\nstartsecs=4");
    let supervisord = Supervisord::start(&config);
    let mut terminal = supervisord.shell(&["start", "slow_*"]);
    terminal.expect("start [");
    terminal.expect("]   0%");
    terminal.expect("slow_1: started");
    terminal.expect("]  50%");
    terminal.expect("slow_2: started");
    assert_eq!(terminal.wait(), 0);
    supervisord.ctl(&["stop", "all"]);
    assert_eq!(supervisord.ctl(&["start", "slow_*"]).text(), "slow_1: started\nslow_2: started\n");
}
