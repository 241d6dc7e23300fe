//! The shell of supervisorctl in a terminal: prompts, keys, questions and ends.

use std::process::Command;

use crate::common::{Config, Kind, Supervisord, Terminal, ctl};

const HELP: &str = "
default commands (type help <topic>):
=====================================
add    exit      open  reload  restart   start   tail   
avail  fg        pid   remove  shutdown  status  update 
clear  maintail  quit  reread  signal    stop    version


further commands (type help <topic>):
=====================================
plugins  reopen  rotate  upgrade


cache commands (type help <topic>):
===================================
cache_clear  cache_count  cache_delete  cache_fetch  cache_keys  cache_store

";

fn config() -> Config {
    Config::new()
        .program("cat", "command=/bin/cat\nstartsecs=0")
        .program("num", "command=/bin/cat\nprocess_name=num_%(process_num)d\nnumprocs=2\nstartsecs=0\nautostart=false")
}

/// Types a line, and gives what is printed until the next prompt.
fn answer(terminal: &mut Terminal, line: &str) -> String {
    terminal.send(format!("{line}\r"));
    terminal.expect(&format!("{line}\n"));
    terminal.expect("supervisor> ")
}

#[test]
fn the_transcript_of_the_cache() {
    let supervisord = Supervisord::start_real(&config());
    let mut terminal = supervisord.shell(&[]);
    let status = terminal.expect("supervisor> ");
    assert!(status.starts_with("cat                              RUNNING   pid "), "{status}");
    let transcript = [
        ("help", HELP),
        ("cache_keys", "[]\n"),
        ("cache_store 'foo' 'bar baz'", ""),
        ("cache_fetch 'foo'", "'bar baz'\n"),
        ("cache_keys", "['foo']\n"),
        ("cache_fetch nope", "error: BAD_NAME\n"),
        ("", ""),
        ("nonsense here", "*** Unknown syntax: nonsense here\n"),
    ];
    for (line, expected) in transcript {
        assert_eq!(answer(&mut terminal, line), expected, "{line}");
    }
    terminal.send("quit\r");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn every_way_out_ends_with_a_blank_line() {
    let supervisord = Supervisord::start_real(&config());
    for way in ["quit\r", "exit\r", "\x04", "\x03"] {
        let ends = [supervisord.real_shell(&[]), supervisord.shell(&[])].map(|mut terminal| {
            terminal.expect("supervisor> ");
            terminal.send(way);
            let status = terminal.wait();
            let text = terminal.text();
            let end = text.rsplit_once("supervisor> ").map_or("", |(_, end)| end).replace("^C", "");
            (status, end)
        });
        assert_eq!(ends[0], ends[1], "{way:?}");
    }
}

#[test]
fn the_tabulator_completes() {
    let supervisord = Supervisord::start_real(&config());
    let mut terminal = supervisord.shell(&[]);
    terminal.expect("supervisor> ");
    // A command, a program, a process of a group, a topic of a plugin, a group.
    for (typed, completed) in [
        ("vers\t", "version "),
        ("status ca\t", "status cat "),
        ("status num:num_1\t", "status num:num_1 "),
        ("help cache_co\t", "help cache_count "),
        ("update nu\t", "update num "),
    ] {
        terminal.send(typed);
        terminal.expect(completed);
        terminal.send("\x15");
    }
    // The group before its processes.
    terminal.send("status num:\t\t");
    for name in ["num:*", "num:num_0", "num:num_1"] {
        terminal.expect(name);
    }
}

#[test]
fn a_plugin_completes_the_words_of_its_commands() {
    let supervisord = Supervisord::start_real(&config());
    let mut terminal = supervisord.shell(&[]);
    terminal.expect("supervisor> ");
    answer(&mut terminal, "cache_store foo 1");
    answer(&mut terminal, "cache_store \"it's here\" 2");
    for (typed, completed) in
        [("cache_fetch f\t", "cache_fetch foo "), ("cache_delete it\t", "cache_delete 'it'\"'\"'s here' ")]
    {
        terminal.send(typed);
        terminal.expect(completed);
        terminal.send("\x15");
    }
    // One word is all that there is, and a server that does not answer says nothing in the midst of a line.
    terminal.send("cache_fetch foo f\t\r");
    terminal.expect("cache_fetch <key>\tPrint what is cached at <key>.\n");
    answer(&mut terminal, "open http://localhost:1");
    terminal.send("cache_fetch f\t\x15version\r");
    terminal.expect("version\nhttp://localhost:1 refused connection\n");
}

#[test]
fn what_is_no_text_is_forgotten_with_its_line() {
    let supervisord = Supervisord::start_real(&config());
    let mut terminal = supervisord.shell(&[]);
    terminal.expect("supervisor> ");
    // As a paste comes: the rest of the line, and the lines after it, are none that anybody meant to run.
    terminal.send(b"status caf\xe9 nope\rpid nope\r");
    terminal.expect("*** What was typed is not UTF-8, and is forgotten\n");
    terminal.expect("supervisor> ");
    assert_eq!(answer(&mut terminal, "version"), "4.3.0\n");
    assert!(!terminal.text().contains("ERROR"), "{}", terminal.text());
    assert!(!terminal.text().contains("No such process"), "{}", terminal.text());
}

#[test]
fn lines_that_are_typed_ahead_are_all_run() {
    let supervisord = Supervisord::start_real(&config());
    let mut terminal = supervisord.shell(&[]);
    terminal.expect("supervisor> ");
    terminal.send("version\rpid num:num_0\rversion\r");
    for answer in ["\n4.3.0\n", "\n0\n", "\n4.3.0\n"] {
        terminal.expect(answer);
    }
    // Nor does the terminal make one of lines that are pasted.
    assert!(!terminal.was_sent(b"\x1b[?2004h"));
}

#[test]
fn ctrl_c_ends_the_shell_in_the_midst_of_things() {
    let slow = "command=/bin/sh -c \"trap '' TERM; while :; do sleep 1; done\"\nstartsecs=0\nstopwaitsecs=600";
    let supervisord = Supervisord::start_real(&config().program("slow_a", slow).program("slow_b", slow));
    for (mut terminal, slow) in [(supervisord.real_shell(&[]), "slow_a"), (supervisord.shell(&[]), "slow_b")] {
        terminal.expect("supervisor> ");
        terminal.send(format!("stop {slow}\r"));
        terminal.expect(&format!("stop {slow}\n"));
        supervisord.wait_for_state(slow, "STOPPING");
        terminal.send("\x03");
        assert_eq!(terminal.wait(), 0);
        let text = terminal.text();
        assert_eq!(text.rsplit_once(slow).expect("it was expected").1.replace("^C", ""), "\n\n");
    }
    for line in ["shutdown", "reload"] {
        for mut terminal in [supervisord.real_shell(&[]), supervisord.shell(&[])] {
            terminal.expect("supervisor> ");
            terminal.send(format!("{line}\r"));
            terminal.expect("y/N? ");
            terminal.send("\x03");
            assert_eq!(terminal.wait(), 0);
            assert_eq!(terminal.text().rsplit_once("y/N? ").expect("it was expected").1.replace("^C", ""), "\n");
        }
    }
}

#[test]
fn ctrl_c_ends_one_command_by_its_signal() {
    let supervisord = Supervisord::start_real(&config());
    let mut terminal = supervisord.shell(&["-i", "shutdown"]);
    terminal.expect("y/N? ");
    terminal.send("\x03");
    // Which means: by a signal.
    assert_eq!(terminal.wait(), -1);
}

#[test]
fn history_is_kept_in_a_plain_file() {
    let supervisord = Supervisord::start_real(&config());
    supervisord.sandbox.write("history", "version\n");
    let file = supervisord.sandbox.join("history");
    let mut terminal = supervisord.shell(&["-r", file.to_str().expect("a plain path")]);
    terminal.expect("supervisor> ");
    terminal.send("\x1b[A");
    terminal.expect("version");
    terminal.send("\r");
    terminal.expect("\n4.3.0\n");
    terminal.expect("supervisor> ");
    answer(&mut terminal, "pid cat");
    terminal.send("\x04");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(supervisord.sandbox.read("history"), "version\npid cat\n");
}

#[test]
fn credentials_are_asked_for_once() {
    let config = config().password("user", "secret").section("supervisorctl", "username=\npassword=");
    let supervisord = Supervisord::start_real(&config);
    let mut terminal = supervisord.shell(&[]);
    terminal.expect("Server requires authentication\nUsername:");
    terminal.send("user\r");
    terminal.expect("Password:");
    terminal.send("secret\r");
    terminal.expect("RUNNING");
    terminal.expect("supervisor> ");
    assert_eq!(answer(&mut terminal, "version"), "4.3.0\n");
    assert_eq!(answer(&mut terminal, "cache_count"), "0\n");
    assert!(!terminal.text().contains("secret"), "{}", terminal.text());
}

/// A shell as on a terminal that can do nothing: what is printed there is all that there is to see.
fn plain_shell(supervisord: &Supervisord, kind: Kind, arguments: &[&str]) -> Terminal {
    let mut command = supervisord.ctl_command(kind, arguments);
    Terminal::spawn(command.env("TERM", "dumb"))
}

#[test]
fn the_end_and_a_login_are_followed_by_supervisors_blank_lines() {
    let config = config().password("user", "secret").section("supervisorctl", "username=\npassword=");
    let supervisord = Supervisord::start_real(&config);
    let login = |terminal: &mut Terminal, password: &str| {
        terminal.expect("Username:");
        terminal.send("user\r");
        terminal.expect("Password:");
        terminal.send(format!("{password}\r"));
    };
    for end in ["\x04", "exit\r", "\r\x04", "EOF\r"] {
        let texts = [Kind::Real, Kind::Ours].map(|kind| {
            let mut terminal = plain_shell(&supervisord, kind, &[]);
            login(&mut terminal, "wrong");
            login(&mut terminal, "secret");
            terminal.expect("supervisor> ");
            terminal.send(end);
            assert_eq!(terminal.wait(), 0);
            without_uptime(&terminal.text())
        });
        assert_eq!(texts[1], texts[0], "{end:?}");
    }
    // Of one command as well.
    let texts = [Kind::Real, Kind::Ours].map(|kind| {
        let mut terminal = plain_shell(&supervisord, kind, &["-i", "version"]);
        login(&mut terminal, "secret");
        assert_eq!(terminal.wait(), 0);
        terminal.text()
    });
    assert_eq!(texts[1], texts[0]);
}

#[test]
fn a_password_is_no_part_of_what_is_piped() {
    let config = config().password("user", "secret").section("supervisorctl", "username=\npassword=");
    let supervisord = Supervisord::start_real(&config);
    for (input, arguments) in [
        ("user\nsecret\n", &["-i", "version"][..]),
        ("user\nsecret\nversion\n", &[]),
        ("user\nwrong\nuser\nsecret\nexit\n", &[]),
    ] {
        let [real, ours] = [Kind::Real, Kind::Ours].map(|kind| {
            // Without a terminal, whoever runs this test.
            let command = supervisord.ctl_command(kind, arguments);
            let mut alone = Command::new("setsid");
            alone.arg("--wait").arg(command.get_program()).args(command.get_args());
            for (name, value) in command.get_envs() {
                if let Some(value) = value {
                    alone.env(name, value);
                }
            }
            ctl::run(&mut alone, input)
        });
        assert_eq!(without_uptime(&ours.stdout), without_uptime(&real.stdout), "{input:?}");
        assert_eq!(ours.status, real.status);
        // Supervisor adds a warning that the terminal, which is none, may show it.
        assert!(ours.stderr.starts_with("Password:\n") && real.stderr.ends_with("Password:\n"), "{ours:?} {real:?}");
    }
    // On a terminal the question and its end are there, and not in the file.
    let texts = [Kind::Real, Kind::Ours].map(|kind| {
        let command = supervisord.ctl_command(kind, &["-i", "version"]);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
        let file = supervisord.sandbox.join("piped");
        let mut shell = supervisord.sandbox.command("/bin/sh");
        let mut terminal =
            Terminal::spawn(shell.arg("-c").arg(format!("{} >{}; echo over", words.join(" "), file.display())));
        terminal.send("user\r");
        terminal.expect("Password:");
        terminal.send("secret\r");
        terminal.expect("over\n");
        (terminal.text(), supervisord.sandbox.read("piped"))
    });
    assert_eq!(texts[1], texts[0]);
}

#[test]
fn ctrl_c_at_a_password_leaves_the_terminal_as_it_was() {
    let config = config().password("user", "secret").section("supervisorctl", "username=\npassword=");
    let supervisord = Supervisord::start_real(&config);
    let command = supervisord.ctl_command(Kind::Ours, &["-i", "version"]);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
    let mut shell = supervisord.sandbox.command("/bin/sh");
    let line = format!("trap : INT; {}; stty -a", words.join(" "));
    let mut terminal = Terminal::spawn(shell.arg("-c").arg(line));
    terminal.expect("Username:");
    terminal.send("user\r");
    terminal.expect("Password:");
    terminal.send("\x03");
    terminal.expect(" echo ");
}

/// A text in which the pid and the uptime of a status are those of nobody.
fn without_uptime(text: &str) -> String {
    let line = |line: &str| line.split_once("pid ").map_or(line, |(start, _)| start).to_owned();
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_ends_programs_is_confirmed() {
    let mut supervisord = Supervisord::start_real(&config());
    let mut terminal = supervisord.shell(&[]);
    terminal.expect("supervisor> ");
    terminal.send("shutdown\r");
    terminal.expect("Really shut the remote supervisord process down y/N? ");
    terminal.send("n\r");
    terminal.expect("supervisor> ");
    assert_eq!(answer(&mut terminal, "version"), "4.3.0\n");
    terminal.send("shutdown\r");
    terminal.expect("Really shut the remote supervisord process down y/N? ");
    terminal.send("yes\r");
    terminal.expect("Shut down\n");
    assert!(supervisord.wait().success());
}

#[test]
fn a_log_is_followed_until_ctrl_c() {
    let talk = "command=/bin/sh -c \"echo begin; while read line; do echo got $line; done\"\nstartsecs=0";
    let supervisord = Supervisord::start_real(&config().program("talk", talk));
    let mut terminal = supervisord.shell(&[]);
    terminal.expect("supervisor> ");
    for _ in 0..2 {
        terminal.send("tail -f talk\r");
        terminal.expect("==> Press Ctrl-C to exit <==\n");
        terminal.expect("begin\n");
        terminal.send("\x03");
        terminal.expect("supervisor> ");
    }
    terminal.send("fg talk\r");
    terminal.expect("==> Press Ctrl-C to exit <==\n");
    terminal.expect("begin\n");
    terminal.send("hello\r");
    terminal.expect("got hello\n");
    terminal.send("\x03");
    terminal.expect("Exiting foreground\n");
    terminal.expect("supervisor> ");
    assert_eq!(answer(&mut terminal, "version"), "4.3.0\n");
}
