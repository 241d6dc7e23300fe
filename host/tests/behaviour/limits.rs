//! Limits of programs, and the end of what they leave behind.

use std::{ffi::OsStr, fs, path::Path, process::Command};

use nix::unistd::getuid;

use crate::{
    check_config::check,
    common::{Config, Kind, Sandbox, Supervisord, run_by, wait_until},
};

#[test]
fn a_program_has_the_limits_of_its_config() {
    let sandbox = Sandbox::new();
    sandbox.write("show.sh", "ulimit -Sn; ulimit -Hn; ulimit -Sc; nice; cat /proc/self/oom_score_adj; echo end\n");
    let own = fs::read_to_string("/proc/self/oom_score_adj").expect("every process has it");
    let own: i32 = own.trim().parse().expect("a number");
    let limits = "command=/bin/bash {here}/show.sh\nstartsecs=0\nautorestart=false\nrlimit_nofile=100:200\n\
                  rlimit_core=0\nnice=7";
    let config = Config::new().program("limited", &format!("{limits}\noom_score_adj={}", (own + 1).min(1000)));
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config);
    wait_until("it has shown them", || supervisord.sandbox.read("limited.out").contains("end"));
    let shown = format!("100\n200\n0\n7\n{}\nend\n", (own + 1).min(1000));
    assert_eq!(supervisord.sandbox.read("limited.out"), shown);
    let of_supervisord = fs::read_to_string(format!("/proc/{}/oom_score_adj", supervisord.pid()));
    assert_eq!(of_supervisord.expect("it runs").trim(), own.to_string(), "supervisord keeps its own");
}

#[test]
fn a_limit_that_may_not_be_set_makes_the_start_fail_and_is_named() {
    let quick = "command=/bin/cat\nstartretries=0\nstartsecs=1";
    let config = Config::new()
        .program("open", &format!("{quick}\nrlimit_nofile=64:unlimited"))
        .program("urgent", &format!("{quick}\nnice=-20"))
        .program("first", &format!("{quick}\noom_score_adj=-1000"));
    let drop = ["--bounding-set=-sys_resource,-sys_nice", "--inh-caps=-sys_resource,-sys_nice"].map(OsStr::new);
    let supervisord = Supervisord::start_as(Sandbox::new(), Kind::Ours, &config, |command| {
        if getuid().is_root() { run_by(&command, Path::new("/usr/bin/setpriv"), &drop) } else { command }
    });
    for (name, said) in [
        ("open", "couldn't set rlimit_nofile to 64:unlimited for 'open': EPERM, the hard limit is "),
        ("urgent", "couldn't set nice to -20 for 'urgent': EACCES, supervisord has 0"),
    ] {
        supervisord.wait_for_state(name, "FATAL");
        assert!(supervisord.info(name, "spawnerr").starts_with(said), "{}", supervisord.info(name, "spawnerr"));
    }
    supervisord.wait_for_state("first", "FATAL");
    let said = "supervisor: couldn't set oom_score_adj: EACCES\nsupervisor: child process was not spawned\n";
    wait_until("it is said", || supervisord.sandbox.read("first.err") == said);
}

#[test]
fn wrong_limits_are_errors_that_say_what_would_be_right() {
    let sandbox = Sandbox::new();
    for (line, right) in [
        ("rlimit_nofile=many", "rlimit_nofile takes a number or unlimited, or two as soft:hard, such as 1024:4096"),
        ("rlimit_core=1XB", "rlimit_core takes bytes, KB, MB or GB, or unlimited, or two as soft:hard"),
        ("nice=20", "nice takes a whole number from -20 to 19"),
        ("oom_score_adj=1001", "oom_score_adj takes a whole number from -1000 to 1000"),
        ("kill_descendants=perhaps", "kill_descendants takes true or false"),
    ] {
        let output = check(&sandbox, &format!("[supervisord]\n[program:x]\ncommand=x\n{line}\n"), "text");
        assert!(output.status == 2 && output.stderr.contains(right), "{output:?}");
    }
    let lines = "rlimit_memlock=64MB:unlimited\nrlimit_nproc=unlimited\nnice=-5\nkill_descendants=true";
    let shown = check(&sandbox, &format!("[supervisord]\n[program:x]\ncommand=x\n{lines}\n"), "text");
    for line in
        ["rlimit_memlock = 67108864:unlimited", "rlimit_nproc = unlimited", "nice = -5", "kill_descendants = true"]
    {
        assert!(shown.text().lines().any(|shown| shown == line), "{line}: {shown:?}");
    }
}

/// Starts three that a program could lose: one in a session of its own, twice forked; one without an environment; and
/// one that only ignores SIGTERM.
const FAMILY: &str = "\
setsid sh -c 'sleep 1000 & echo $! >>\"$1\"' sh \"$1\"
env -i sleep 1000 &
echo $! >>\"$1\"
(trap '' TERM; exec sleep 1000) &
echo $! >>\"$1\"
echo whole >>\"$1\"
";

fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with('Z'))
}

/// Waits for the pids that a family has written.
fn family(supervisord: &Supervisord, file: &str) -> Vec<String> {
    wait_until("the family is whole", || supervisord.sandbox.read(file).contains("whole"));
    let pids: Vec<String> = supervisord.sandbox.read(file).lines().map(str::to_owned).collect();
    pids.into_iter().filter(|line| line != "whole").collect()
}

fn kills_descendants(way: &str, change: impl Fn(Command) -> Command) {
    let sandbox = Sandbox::new();
    sandbox.write("family.sh", format!("{FAMILY}exec sleep 1000\n"));
    sandbox.write("crash.sh", format!("rm -f \"$1\"\n{FAMILY}mv \"$1\" \"$1.$$\"\nexit 3\n"));
    let config = Config::new()
        .program("stopped", "command=/bin/sh {here}/family.sh {here}/stopped\nstartsecs=0\nkill_descendants=true")
        .program("last", "command=/bin/sh {here}/family.sh {here}/last\nstartsecs=0\nkill_descendants=true")
        .program("plain", "command=/bin/sh {here}/family.sh {here}/plain\nstartsecs=0")
        .program(
            "crash",
            "command=/bin/sh {here}/crash.sh {here}/crash\nstartsecs=0\nautostart=false\nautorestart=false\n\
             kill_descendants=true",
        );
    let mut supervisord = Supervisord::start_as(sandbox, Kind::Ours, &config, change);
    assert!(supervisord.wait_for_log("kill_descendants: ").contains(way), "{}", supervisord.log());
    let [stopped, last, plain] = ["stopped", "last", "plain"].map(|name| family(&supervisord, name));

    assert_eq!(supervisord.ctl(&["stop", "stopped", "plain"]).status, 0);
    wait_until("nothing is left of what was stopped", || !stopped.iter().any(|pid| is_alive(pid)));
    assert!(last.iter().all(|pid| is_alive(pid)), "another program keeps its own");
    assert!(plain.iter().all(|pid| is_alive(pid)), "without the option nothing changes");
    supervisord.wait_for_log("INFO killed what 'stopped' has left behind (pid ");

    supervisord.ctl(&["start", "crash"]);
    supervisord.wait_for_state("crash", "EXITED");
    let written = || {
        fs::read_dir(supervisord.sandbox.path()).unwrap().filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.starts_with("crash.")
                .then_some(name)
                .filter(|name| name != "crash.sh" && name != "crash.out" && name != "crash.err")
        })
    };
    let crashed: Vec<String> = written().flat_map(|file| family(&supervisord, &file)).collect();
    assert_eq!(crashed.len(), 3);
    wait_until("nothing is left of what has ended", || !crashed.iter().any(|pid| is_alive(pid)));

    let pid = supervisord.pid();
    assert_eq!(supervisord.ctl(&["shutdown"]).text(), "Shut down\n");
    assert!(supervisord.wait().success());
    assert!(!last.iter().any(|pid| is_alive(pid)), "a shutdown leaves nothing behind");
    let cgroups = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mounts = cgroups.lines().filter(|line| line.contains(" - cgroup2 ")).filter_map(|line| line.split(' ').nth(4));
    for mount in mounts {
        assert!(!Path::new(mount).join(format!("supervisord-{pid}")).exists(), "the cgroups are gone");
    }
    for pid in plain {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.parse().unwrap()), nix::sys::signal::SIGKILL);
    }
}

#[test]
fn what_a_program_leaves_behind_ends_with_it_however_that_is_done_here() {
    kills_descendants("kill_descendants: ", |command| command);
}

#[test]
fn what_a_program_leaves_behind_ends_with_it_without_a_cgroup() {
    if !getuid().is_root() {
        // Others may make no cgroup: the other test is this one.
        return;
    }
    let script = "umount --lazy --all --types cgroup2; exec \"$@\"";
    let unshare = ["--mount", "sh", "-c", script, "sh"].map(OsStr::new);
    kills_descendants("supervisord is the subreaper", |command| {
        run_by(&command, Path::new("/usr/bin/unshare"), &unshare)
    });
}
