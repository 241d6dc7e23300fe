//! What programs inherit from supervisord: what Supervisor's do, Python's own doings included.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::common::{Config, Kind, Peers, Running, Sandbox, command_of_shell, plugin_path, wait_until};

/// Variables that have a say in the locale.
const LOCALE: [&str; 5] = ["LANG", "LC_ALL", "LC_CTYPE", "PYTHONCOERCECLOCALE", "PYTHONUTF8"];

/// Starts supervisord with these variables of the locale and no others.
fn start(sandbox: &Sandbox, kind: Kind, locale: &[(&str, &str)], config: &Config) -> Running {
    // What a shell, a terminal or a service manager may have done before.
    let script = "umask 027; ulimit -c 0; ulimit -S -n 900; exec nice -n 3 \"$@\" 7</dev/null";
    Running::start(with_locale(command_of_shell(sandbox, kind, config, script), locale))
}

fn with_locale(mut command: Command, locale: &[(&str, &str)]) -> Command {
    for name in LOCALE {
        command.env_remove(name);
    }
    command.envs(locale.iter().copied());
    command
}

/// The value of `LC_CTYPE` that a program of ours has; `none` where it has none.
fn seen_by_a_program(locale: &[(&str, &str)]) -> String {
    let sandbox = Sandbox::new();
    let config = Config::new().program("x", "command=/bin/sh -c 'echo \"${LC_CTYPE-none}\" >seen'\nstartsecs=0");
    let _running = start(&sandbox, Kind::Ours, locale, &config);
    wait_until("the program has run", || sandbox.read("seen").ends_with('\n'));
    sandbox.read("seen").trim_end().to_owned()
}

/// The same of Supervisor: what it expands `%(ENV_LC_CTYPE)s` to, and passes on.
fn seen_by_supervisor(locale: &[(&str, &str)]) -> String {
    let script = "from supervisor.options import ServerOptions\n\
                  print(ServerOptions().environ_expansions.get('ENV_LC_CTYPE', 'none'))";
    let sandbox = Sandbox::new();
    let mut python = with_locale(sandbox.command(Peers::get().program("python")), locale);
    let output = python.args(["-W", "ignore", "-c", script]).output().expect("Python");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

#[test]
fn a_locale_without_characters_gets_utf_8() {
    let cases: [(&[(&str, &str)], &str); 14] = [
        (&[], "C.UTF-8"),
        (&[("LANG", "")], "C.UTF-8"),
        (&[("LANG", "C")], "C.UTF-8"),
        (&[("LANG", "POSIX")], "C.UTF-8"),
        (&[("LANG", "xx_XX.UTF-8")], "C.UTF-8"),
        (&[("LANG", "C.UTF-8")], "none"),
        (&[("LANG", "C.UTF-8"), ("LC_CTYPE", "C")], "C.UTF-8"),
        (&[("LC_CTYPE", "xx_XX")], "C.UTF-8"),
        (&[("LC_ALL", "")], "C.UTF-8"),
        (&[("LC_ALL", "C")], "none"),
        (&[("LC_ALL", "xx_XX.UTF-8")], "none"),
        (&[("PYTHONCOERCECLOCALE", "0")], "none"),
        (&[("PYTHONCOERCECLOCALE", "0"), ("LC_CTYPE", "xx_XX")], "xx_XX"),
        (&[("PYTHONCOERCECLOCALE", "1"), ("PYTHONUTF8", "0")], "C.UTF-8"),
    ];
    for (locale, expected) in cases {
        assert_eq!(seen_by_supervisor(locale), expected, "Supervisor with {locale:?}");
        assert_eq!(seen_by_a_program(locale), expected, "ours with {locale:?}");
    }
}

#[test]
fn both_configs_and_their_children_see_it() {
    let sandbox = Sandbox::new();
    let config = Config::new()
        .section("supervisord", "identifier=%(ENV_LC_CTYPE)s")
        .section("supervisorctl", "prompt=%(ENV_LC_CTYPE)s");
    let file = sandbox.write(config.file(), config.render(sandbox.here(), 9));
    let mut check = with_locale(sandbox.command(env!("CARGO_BIN_EXE_supervisord")), &[]);
    check.env("SUPERVISOR_PLUGIN_PATH", plugin_path());
    let checked = check.arg("-c").arg(&file).args(["--check-config", "json"]).output().expect("supervisord can be run");
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(said.contains(r#""identifier": "C.UTF-8""#), "{said}");
    for program in [Path::new(env!("CARGO_BIN_EXE_supervisorctl")), &Peers::get().program("supervisorctl")] {
        let mut ctl = with_locale(sandbox.command(program), &[]);
        ctl.env("SUPERVISOR_PLUGIN_PATH", plugin_path()).arg("-c").arg(&file).stdin(Stdio::null());
        let said = ctl.output().expect("supervisorctl can be run");
        let said = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
        assert!(said.contains("C.UTF-8> "), "{}: {said}", program.display());
    }
    for program in [Path::new(env!("CARGO_BIN_EXE_pidproxy")), &Peers::get().program("pidproxy")] {
        let mut pidproxy = with_locale(sandbox.command(program), &[]);
        let output = pidproxy.args(["none.pid", "/usr/bin/env"]).output().expect("pidproxy can be run");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("LC_CTYPE=C.UTF-8\n"), "{}: {said}", program.display());
    }
}

/// SIGPIPE and SIGXFSZ, as bits.
const PYTHONS: u64 = 1 << 12 | 1 << 24;

/// The signals that a process ignores, as bits.
fn ignored(pid: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("a mask of signals");
    u64::from_str_radix(mask.trim(), 16).expect("hexadecimal digits")
}

/// All that `/proc` says of a process and that it has from its parent.
fn inheritance(pid: &str) -> BTreeSet<String> {
    let read = |file: &str| {
        let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_else(|error| panic!("{file}: {error}"));
        String::from_utf8_lossy(&text).into_owned()
    };
    let mut all = BTreeSet::new();
    all.extend(read("environ").split('\0').map(|variable| format!("environ {variable}")));
    let of_status = ["Umask", "Uid", "Gid", "Groups", "Sig", "Cap", "NoNewPrivs", "Seccomp", "Cpus_allowed"];
    let status = read("status");
    // How many signals wait is the user's, not the process's; which are ignored is looked at by itself.
    let is_left_out = |line: &&str| ["SigQ", "SigIgn"].iter().any(|name| line.starts_with(name));
    let is_wanted = |line: &&str| of_status.iter().any(|name| line.starts_with(name)) && !is_left_out(line);
    let lines = status.lines().filter(is_wanted);
    all.extend(lines.map(|line| format!("status {line}")));
    all.extend(read("limits").lines().map(|line| format!("limits {line}")));
    for file in ["comm", "oom_score_adj", "personality", "timerslack_ns", "coredump_filter", "cmdline"] {
        // Some are not for everybody's eyes, or not in every kernel.
        all.insert(format!("{file} {}", fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default()));
    }
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).expect("it is ours").flatten() {
        let number = entry.file_name().to_string_lossy().into_owned();
        let target = fs::read_link(entry.path()).expect("an open file").display().to_string();
        let target = target.split_once(':').map_or(target.clone(), |(kind, _)| kind.to_owned());
        let info = read(&format!("fdinfo/{number}"));
        let flags = info.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
        all.insert(format!("fd {number} {target} {flags}"));
    }
    all.insert(format!("cwd {:?}", fs::read_link(format!("/proc/{pid}/cwd"))));
    // After the name: state, parent, group, session, terminal, …
    let stat = read("stat");
    let fields: Vec<_> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    let (session, group) = (fields[3], fields[2]);
    all.insert(format!("stat group {} session {}", group == pid, session == pid));
    all.extend([4, 15, 16, 37, 38].map(|field| format!("stat {field} {}", fields[field])));
    all
}

#[test]
fn nothing_but_ignored_signals_differs() {
    let user = if nix::unistd::getuid().is_root() { "user=nobody" } else { "" };
    for lines in [String::new(), format!("umask=077\ndirectory=/\nenvironment=A=\"1\",LC_CTYPE=\"xx\"\n{user}")] {
        let [real, ours] = [Kind::Real, Kind::Ours].map(|kind| {
            let sandbox = Sandbox::new();
            let config = Config::new().section("rpcinterface:cache", "").program(
                "x",
                &format!("command=/bin/sleep 1000\nstartsecs=0\nstdout_logfile=NONE\nstderr_logfile=NONE\n{lines}"),
            );
            let _running = start(&sandbox, kind, &[], &config);
            let mut pid = String::new();
            // It opens files of its own at its start; none of supervisord's stays open.
            wait_until("the program runs and has three descriptors", || {
                let sleeps =
                    |pid: &&str| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n");
                let processes: Vec<_> = sandbox.processes().iter().map(ToString::to_string).collect();
                pid = processes.iter().map(String::as_str).find(sleeps).unwrap_or_default().to_owned();
                fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|files| files.count() == 3)
            });
            // Python ignores SIGPIPE and SIGXFSZ, for itself.
            assert_eq!(ignored(&pid) & PYTHONS, if kind == Kind::Real { PYTHONS } else { 0 });
            assert!(kind == Kind::Real || ignored(&pid) == 0, "{:x}", ignored(&pid));
            let here = sandbox.here().to_owned();
            inheritance(&pid).into_iter().map(|line| line.replace(&here, "HERE")).collect::<BTreeSet<_>>()
        });
        let difference: Vec<_> = real.symmetric_difference(&ours).collect();
        assert!(difference.is_empty(), "with {lines:?}: {difference:#?}");
    }
}
