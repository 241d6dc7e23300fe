//! Completions of supervisorctl in the shells themselves: bash always, zsh and fish where they are installed.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use crate::common::{Config, Kind, Output, Supervisord, Terminal, ctl::run};

fn config() -> Config {
    Config::new()
        .program("cat", "command=/bin/cat\nstartsecs=0")
        .program("num", "command=/bin/cat\nprocess_name=num_%(process_num)d\nnumprocs=2\nautostart=false")
}

/// A file of `conf/completions`.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../conf/completions").join(name)
}

/// A shell that finds our supervisorctl, with the environment of one.
fn shell(supervisord: &Supervisord, name: &str, arguments: &[&str]) -> Command {
    let ours = supervisord.ctl_command(Kind::Ours, &[]);
    let mut command = supervisord.sandbox.command(name);
    let directory = Path::new(ours.get_program()).parent().unwrap();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    for (name, value) in ours.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.args(arguments).env("PATH", path).env("HOME", supervisord.sandbox.path()).env("TERM", "xterm");
    command
}

fn is_installed(shell: &str) -> bool {
    Command::new(shell).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// What bash would complete at the end of a line.
fn in_bash(supervisord: &Supervisord, line: &str) -> Vec<String> {
    let script = format!(
        "source '{}'; COMP_LINE=$1; COMP_POINT=${{#1}}; _supervisorctl supervisorctl; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        file("supervisorctl.bash").display()
    );
    let output = run(&mut shell(supervisord, "bash", &["--norc", "-c", &script, "bash", line]), "");
    lines(&output)
}

fn lines(output: &Output) -> Vec<String> {
    output.text().lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn bash_knows_actions_and_names() {
    let supervisord = Supervisord::start(&config());
    let with_config = |rest: &str| format!("supervisorctl -c {} {rest}", supervisord.config_file().display());
    supervisord.ctl(&["cache_store", "a key", "1"]);
    for (rest, expected) in [
        ("vers", &["version"][..]),
        ("cache_co", &["cache_count"]),
        ("status ca", &["cat"]),
        ("status cat nu", &["num:*", "num:num_0", "num:num_1"]),
        // Bash puts it behind the colon.
        ("status num:num_", &["num_0", "num_1"]),
        ("update n", &["num"]),
        ("help event", &["events"]),
        ("cache_fetch ", &["'a key'"]),
        ("status nope", &[]),
        ("nonsense ", &[]),
        ("version ", &[]),
        ("--js", &["--json"]),
        ("--json status ca", &["cat"]),
    ] {
        assert_eq!(in_bash(&supervisord, &with_config(rest)), expected, "{rest}");
    }
    let conf = supervisord.config_file().display().to_string();
    let begun = conf.strip_suffix(".conf").unwrap();
    assert!(in_bash(&supervisord, &format!("supervisorctl -c {begun}")).contains(&conf));
}

#[test]
fn a_supervisord_that_does_not_answer_has_nothing_to_complete() {
    let supervisord = Supervisord::start(&config());
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for url in [format!("http://{}", silent.local_addr().unwrap()), "http://127.0.0.1:1".to_owned()] {
        let begin = Instant::now();
        assert!(in_bash(&supervisord, &format!("supervisorctl -s {url} status ")).is_empty(), "{url}");
        assert!(begin.elapsed() < Duration::from_secs(10), "a person waits for it");
        assert_eq!(in_bash(&supervisord, &format!("supervisorctl -s {url} vers")), ["version"]);
    }
    assert!(in_bash(&supervisord, "supervisorctl -c /nonexistent status ").is_empty());
}

/// Types the beginnings of words into a shell, and sees what the tabulator makes of them.
fn type_into(mut terminal: Terminal) {
    for (typed, completed) in
        [("vers\t", "version "), ("status ca\t", "status cat "), ("status num:num_1\t", "status num:num_1 ")]
    {
        terminal.send(format!("supervisorctl {typed}"));
        terminal.expect(completed);
        terminal.send("\x15");
    }
    terminal.send("exit\r");
    terminal.wait();
}

#[test]
fn the_tabulator_completes_in_bash() {
    let supervisord = Supervisord::start(&config());
    let rc = format!("source '{}'\nPS1='ready> '\n", file("supervisorctl.bash").display());
    let rc = supervisord.sandbox.write("rc", rc);
    let mut terminal = Terminal::spawn(&shell(&supervisord, "bash", &["--rcfile", rc.to_str().unwrap(), "-i"]));
    terminal.expect("ready> ");
    type_into(terminal);
}

#[test]
fn the_tabulator_completes_in_zsh() {
    if !is_installed("zsh") {
        eprintln!("zsh is not installed");
        return;
    }
    let supervisord = Supervisord::start(&config());
    let directory = file("").display().to_string();
    let rc = format!("fpath=('{directory}' $fpath)\nautoload -Uz compinit\ncompinit -u -D\nPS1='ready> '\n");
    supervisord.sandbox.write(".zshrc", rc);
    let mut terminal = Terminal::spawn(&shell(&supervisord, "zsh", &["-d", "-i"]));
    terminal.expect("ready> ");
    type_into(terminal);
}

#[test]
fn fish_knows_actions_and_names() {
    if !is_installed("fish") {
        eprintln!("fish is not installed");
        return;
    }
    let supervisord = Supervisord::start(&config());
    let complete = |line: &str| {
        let script = format!("source '{}'; complete -C $argv[1]", file("supervisorctl.fish").display());
        let output = run(&mut shell(&supervisord, "fish", &["--no-config", "-c", &script, line]), "");
        lines(&output)
    };
    let conf = supervisord.config_file().display();
    assert_eq!(complete("supervisorctl vers"), ["version"]);
    assert_eq!(complete(&format!("supervisorctl -c {conf} status cat num:num_")), ["num:num_0", "num:num_1"]);
    assert_eq!(complete(&format!("supervisorctl -c {conf} update n")), ["num"]);
    assert_eq!(complete("supervisorctl --js"), ["--json\tprint JSON"]);
    assert!(complete("supervisorctl -s http://127.0.0.1:1 status ").is_empty());
}
