//! Forms of logs, and their rotation by time and on request.

use std::{
    fs::{self, File},
    path::Path,
    process::Stdio,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use crate::{
    common::{Config, Kind, Sandbox, Supervisord, wait_until},
    upgrade::Upgradable,
};

/// Objects of a log, a line each.
#[track_caller]
fn objects(log: &str) -> Vec<Value> {
    let object = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    log.lines().map(object).collect()
}

fn messages(log: &str) -> Vec<String> {
    objects(log).iter().map(|object| object["message"].as_str().expect("a text").to_owned()).collect()
}

fn say(supervisord: &Supervisord, process: &str, text: &str) {
    supervisord.call("supervisor.sendProcessStdin", &[process, text]);
}

#[test]
fn each_output_has_a_form_of_its_own() {
    let script = "command=/bin/sh -c 'echo out; echo err >&2; printf end; read x'\nstartsecs=0";
    let config = Config::new()
        .section("supervisord", "log_format=json\nlogfile=/dev/stdout\nlogfile_maxbytes=0")
        .program("both", &format!("{script}\nstdout_log_format=json\nstderr_log_format=text"))
        .program("one", &format!("{script}\nredirect_stderr=true\nstdout_log_format=json"))
        .program("raw", script)
        .program(
            "num",
            &format!(
                "{script}\nprocess_name=num_%(process_num)d\nstdout_log_format=json\nstdout_logfile=/dev/stdout\n\
                 stdout_logfile_maxbytes=0\nstderr_logfile=NONE"
            ),
        )
        .section(
            "fcgi-program:fast",
            "command=/bin/sh -c 'echo err >&2; exec sleep 1000'\nsocket=unix://{here}/fast.sock\nstartsecs=0\n\
             stderr_logfile={here}/fast.err\nstderr_log_format=json\nstdout_logfile=NONE",
        )
        .section(
            "eventlistener:listener",
            "command=/bin/sh -c 'echo err >&2; echo READY; read x'\nevents=TICK_3600\nstartsecs=0\n\
             stderr_logfile={here}/listener.err\nstderr_log_format=json\nstdout_logfile={here}/listener.out\n\
             stdout_log_format=text",
        );
    let supervisord = Supervisord::start(&config);
    let read = |name: &str| supervisord.sandbox.read(name);
    let stdout_of_num = || {
        let lines = objects(&read("stdout.txt"));
        lines.into_iter().filter(|it| it["program"] == "num_0").collect::<Vec<_>>()
    };
    wait_until("all have written", || {
        let ends = ["both.out", "one.out", "fast.err", "listener.err"].map(|name| read(name).ends_with("}\n"));
        let texts = ["both.err", "listener.out"].map(|name| read(name).ends_with('\n'));
        ends == [true; 4] && texts == [true; 2] && read("raw.out") == "out\nend" && !stdout_of_num().is_empty()
    });
    let both = &objects(&read("both.out"))[0];
    assert_eq!(
        both.as_object().expect("an object").keys().collect::<Vec<_>>(),
        ["time", "program", "group", "pid", "stream", "message"]
    );
    let texts = ["program", "group", "stream", "message"].map(|member| both[member].as_str().expect("a text"));
    assert_eq!(texts, ["both", "both", "stdout", "out"]);
    assert_eq!(both["pid"], supervisord.pid_of("both"));
    let text = read("both.err");
    assert!(text.ends_with(" both err\n") && text.len() == "2026-11-21 08:21:38,566 both err\n".len(), "{text:?}");
    assert_eq!(messages(&read("one.out")), ["out", "err"]);
    assert_eq!(objects(&read("fast.err"))[0]["stream"], "stderr");
    assert_eq!(objects(&read("listener.err"))[0]["program"], "listener");
    assert!(read("listener.out").ends_with(" listener READY\n"));
    assert_eq!(stdout_of_num()[0]["group"], "num");
    let own: Vec<_> = objects(&read("stdout.txt")).into_iter().filter(|it| it["level"] == "info").collect();
    let is_known = |text: &str| own.iter().any(|it| it["message"].as_str().is_some_and(|said| said.contains(text)));
    assert!(is_known("supervisord started with pid") && is_known("spawned: 'both' with pid"), "{own:?}");
    // A line that has not ended is written when its program has.
    supervisord.ctl(&["stop", "both", "one", "num:*"]);
    wait_until("the ends are written", || {
        let [both, one] = ["both.out", "one.out"].map(|name| messages(&read(name)));
        both == ["out", "end"] && one == ["out", "err", "end"] && stdout_of_num().len() == 2
    });
    assert_eq!(stdout_of_num()[1]["message"], "end");
}

#[test]
fn a_form_that_is_none_is_an_error() {
    for (section, option, expected) in [
        ("supervisord", "log_format=raw", "log_format in [supervisord] takes text or json"),
        ("program:cat", "stdout_log_format=xml", "stdout_log_format takes raw, text or json"),
        ("program:cat", "stderr_logfile_rotate=weekly", "stderr_logfile_rotate takes size, daily or hourly"),
    ] {
        let config = Config::new().program("cat", "command=/bin/cat").section(section, option);
        let output = Supervisord::run(Kind::Ours, &config);
        assert!(output.status != 0 && output.stderr.contains(expected), "{output:?}");
    }
    let sandbox = Sandbox::new();
    let ignored = "command=/bin/cat\nredirect_stderr=true\nstderr_log_format=json\nstderr_logfile_rotate=daily";
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &Config::new().program("cat", ignored));
    for key in ["stderr_log_format", "stderr_logfile_rotate"] {
        supervisord.wait_for_log(&format!("For [program:cat], redirect_stderr=true, so {key} has been ignored"));
    }
}

#[test]
fn a_tail_goes_on_over_a_rotation_that_cuts_no_line() {
    let config = Config::new().program("cat", "command=/bin/cat\nstdout_log_format=json\nstdout_logfile_backups=3");
    let supervisord = Supervisord::start(&config);
    supervisord.wait_for_state("cat", "RUNNING");
    let followed = supervisord.sandbox.join("followed");
    let mut command = supervisord.ctl_command(Kind::Ours, &["tail", "-f", "cat"]);
    let mut tail = command.stdout(Stdio::from(File::create(&followed).expect("a file"))).spawn().expect("it runs");
    let shown = |text: &str| fs::read_to_string(&followed).unwrap_or_default().contains(text);
    say(&supervisord, "cat", "first\nsec");
    wait_until("the tail has begun", || shown("\"first\"}\n"));
    assert_eq!(supervisord.ctl(&["rotate", "cat"]).text(), "cat: rotated\n");
    say(&supervisord, "cat", "ond\nthird\n");
    wait_until("the tail goes on", || shown("\"third\"}\n"));
    tail.kill().expect("our child");
    tail.wait().expect("our child");
    assert_eq!(messages(&supervisord.sandbox.read("cat.out.1")), ["first"]);
    assert_eq!(messages(&supervisord.sandbox.read("cat.out")), ["second", "third"]);
    let followed = fs::read_to_string(&followed).expect("it was made");
    let lines: Vec<_> = followed.lines().filter(|line| line.starts_with('{')).collect();
    assert_eq!(messages(&lines.join("\n")), ["first", "second", "third"]);
}

#[test]
fn logs_are_rotated_by_name_by_pattern_and_all() {
    let writes = "command=/bin/sh -c 'echo said; exec cat'\nstartsecs=0";
    let config = Config::new()
        .program("cat", writes)
        .program(
            "num",
            &format!(
                "{writes}\nprocess_name=num_%(process_num)d\nnumprocs=2\nstdout_logfile={{here}}/%(process_num)d.out"
            ),
        )
        .program("once", "command=/bin/echo said\nstartsecs=0\nautorestart=false")
        .program("silent", "command=/bin/cat\nstdout_logfile=NONE\nstderr_logfile=NONE")
        .program("first", &format!("{writes}\nstdout_logfile={{here}}/shared.out\nstderr_logfile=NONE"))
        .program("second", &format!("{writes}\nstdout_logfile={{here}}/shared.out\nstderr_logfile=NONE"));
    let supervisord = Supervisord::start(&config);
    let read = |name: &str| supervisord.sandbox.read(name);
    supervisord.wait_for_state("once", "EXITED");
    wait_until("all have written", || {
        ["cat.out", "0.out", "1.out"].iter().all(|name| read(name) == "said\n") && read("shared.out") == "said\nsaid\n"
    });
    for (words, status, expected) in [
        (&["cat"][..], 0, "cat: rotated\n"),
        (&["num:*", "once"], 0, "num:num_0: rotated\nnum:num_1: rotated\nonce: rotated\n"),
        (&["num_*"], 0, "num:num_0: rotated\nnum:num_1: rotated\n"),
        (&["nope", "cat"], 1, "nope: ERROR (no such process)\ncat: rotated\n"),
        (&["nope:*"], 1, "nope: ERROR (no such group)\n"),
        (&["silent"], 1, "silent: ERROR (no log file)\n"),
    ] {
        let words: Vec<_> = ["rotate"].iter().chain(words).copied().collect();
        let output = supervisord.ctl(&words);
        assert_eq!((output.status, output.stdout.as_str()), (status, expected), "{words:?}");
    }
    // What is empty is not rotated again, and what does not run is.
    for name in ["cat.out", "0.out", "1.out", "once.out"] {
        let old = [".1", ".2"].map(|number| read(&format!("{name}{number}")));
        assert_eq!((read(name), old), (String::new(), ["said\n".to_owned(), String::new()]), "{name}");
    }
    let all = supervisord.ctl(&["rotate"]);
    let mut lines: Vec<_> = all.stdout.lines().collect();
    lines.sort_unstable();
    let names = ["cat", "first", "num:num_0", "num:num_1", "once", "second", "supervisord"];
    assert_eq!((all.status, lines), (0, names.map(|name| format!("{name}: rotated")).iter().map(|it| &**it).collect()));
    assert_eq!(
        (read("shared.out.1"), supervisord.sandbox.join("shared.out.2").exists()),
        ("said\nsaid\n".into(), false)
    );
    assert!(read("supervisord.log.1").contains("supervisord started with pid"));
    supervisord.doctest(
        "
        >>> s.logs.rotate('cat'), s.logs.reopen('num:num_1')
        (True, True)
        >>> [(it['group'], it['name'], it['status'], it['description']) for it in s.logs.rotate('num:*')]
        [('num', 'num_0', 80, 'OK'), ('num', 'num_1', 80, 'OK')]
        >>> [it['name'] for it in s.logs.reopen()][-1]
        'supervisord'
        >>> s.logs.rotate('nope')
        Traceback (most recent call last):
        xmlrpc.client.Fault: <Fault 10: 'BAD_NAME: nope'>
        >>> s.logs.reopen('silent')
        Traceback (most recent call last):
        xmlrpc.client.Fault: <Fault 20: 'NO_FILE: silent'>
        >>> [name for name in s.system.listMethods() if name.startswith('logs.')]
        ['logs.reopen', 'logs.rotate']
        ",
    );
    let python = Supervisord::start_real(&Config::new().without("rpcinterface:cache"));
    let output = python.ctl(&["rotate"]);
    assert_eq!((output.status, &*output.stdout), (3, "ERROR: this supervisord has no method logs.rotate\n"));
}

#[test]
fn files_that_were_moved_are_left_on_request_by_name() {
    let config = Config::new().program("cat", "command=/bin/cat").program("other", "command=/bin/cat");
    let supervisord = Supervisord::start(&config);
    let read = |name: &str| supervisord.sandbox.read(name);
    let moved = |name: &str| {
        fs::rename(supervisord.sandbox.join(name), supervisord.sandbox.join(format!("{name}.moved"))).expect("a file");
    };
    for name in ["cat", "other"] {
        supervisord.wait_for_state(name, "RUNNING");
        say(&supervisord, name, "old\n");
        wait_until("it is written", || read(&format!("{name}.out")) == "old\n");
        moved(&format!("{name}.out"));
    }
    moved("supervisord.log");
    assert_eq!(supervisord.ctl(&["reopen", "cat"]).text(), "cat: reopened\n");
    for name in ["cat", "other"] {
        say(&supervisord, name, "new\n");
    }
    wait_until("both are written", || read("cat.out") == "new\n" && read("other.out.moved") == "old\nnew\n");
    assert!(!supervisord.sandbox.join("supervisord.log").exists());
    assert_eq!(supervisord.ctl(&["reopen"]).text(), "cat: reopened\nother: reopened\nsupervisord: reopened\n");
    assert!(supervisord.sandbox.join("other.out").exists() && supervisord.sandbox.join("supervisord.log").exists());
    assert!(read("supervisord.log.moved").ends_with("INFO supervisord logreopen\n"));
    fs::remove_file(supervisord.sandbox.join("cat.out")).expect("a file");
    fs::create_dir(supervisord.sandbox.join("cat.out")).expect("a folder in its place");
    let output = supervisord.ctl(&["reopen", "cat"]);
    assert_eq!((output.status, &*output.stdout), (1, "cat: ERROR (Is a directory (os error 21))\n"));
}

#[test]
fn a_log_of_yesterday_is_rotated_by_the_first_output_of_today() {
    let sandbox = Sandbox::new();
    let config = ["size", "daily", "hourly"].iter().fold(Config::new(), |config, rotate| {
        let lines = format!("command=/bin/cat\nstdout_logfile_rotate={rotate}\nstderr_logfile=NONE");
        config.program(rotate, &lines)
    });
    for name in ["size", "daily", "hourly"] {
        let log = sandbox.write(format!("{name}.out"), "yesterday\n");
        let yesterday = SystemTime::now() - Duration::from_hours(25);
        File::options().append(true).open(log).and_then(|log| log.set_modified(yesterday)).expect("a time");
    }
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config);
    let read = |name: &str| supervisord.sandbox.read(name);
    for name in ["size", "daily", "hourly"] {
        supervisord.wait_for_state(name, "RUNNING");
    }
    assert!(!supervisord.sandbox.join("daily.out.1").exists(), "nothing is written yet");
    for name in ["size", "daily", "hourly"] {
        say(&supervisord, name, "today\n");
        wait_until("it is written", || read(&format!("{name}.out")).ends_with("today\n"));
    }
    assert_eq!(read("size.out"), "yesterday\ntoday\n");
    for name in ["daily", "hourly"] {
        assert_eq!(
            (read(&format!("{name}.out.1")), read(&format!("{name}.out"))),
            ("yesterday\n".into(), "today\n".into())
        );
    }
}

#[test]
fn a_line_that_has_begun_goes_on_over_an_upgrade() {
    let config = Config::new().program(
        "talk",
        "command=/bin/sh -c 'mkfifo {here}/words; exec 3<>{here}/words; exec cat <&3'\nstartsecs=0\n\
         stdout_log_format=json",
    );
    let supervisord = Upgradable::start(&config);
    let words = supervisord.sandbox.join("words");
    wait_until("there is a pipe", || words.exists());
    let say = |text: &str| fs::write(&words, text).expect("somebody reads");
    let endless = "x".repeat(70_000);
    say("whole\nbe");
    wait_until("the first line is written", || supervisord.sandbox.read("talk.out").ends_with("}\n"));
    supervisord.upgrade();
    say("gun\n");
    say(&endless);
    wait_until("a part is written", || supervisord.sandbox.read("talk.out").contains("\"partial\":true"));
    supervisord.upgrade();
    say("y\n");
    wait_until("the rest is written", || supervisord.sandbox.read("talk.out").ends_with("y\"}\n"));
    let log = supervisord.sandbox.read("talk.out");
    let parts: Vec<_> = objects(&log).iter().map(|it| (it["part"].as_i64(), it["partial"].as_bool())).collect();
    assert_eq!(parts, [(None, None), (None, None), (Some(1), Some(true)), (Some(2), None)]);
    let messages = messages(&log);
    assert_eq!(
        (&messages[..2], messages[2..].concat()),
        (&["whole".to_owned(), "begun".to_owned()][..], endless + "y")
    );
}

#[test]
fn all_of_much_is_there_as_objects_over_many_rotations() {
    let config = Config::new().program(
        "much",
        "command=/bin/sh -c 'head -c 3000000 /dev/urandom | base64 -w 70 | tee {here}/copy'\nautorestart=false\n\
         startsecs=0\nstdout_log_format=json\nstdout_logfile_maxbytes=500KB\nstdout_logfile_backups=100",
    );
    let supervisord = Supervisord::start(&config);
    supervisord.wait_for_log("exited: much");
    let read = |name: &Path| fs::read_to_string(supervisord.sandbox.join(name)).unwrap_or_default();
    let files = || {
        let names = (1..100).rev().map(|number| format!("much.out.{number}")).chain(["much.out".to_owned()]);
        names.map(|name| read(Path::new(&name))).filter(|text| !text.is_empty()).collect::<Vec<_>>()
    };
    let copy = read(Path::new("copy"));
    wait_until("all of it is written", || messages(&files().concat()).len() == copy.lines().count());
    let files = files();
    assert!(files.len() > 5 && files.iter().all(|text| text.ends_with("}\n")), "{}", files.len());
    assert!(messages(&files.concat()).join("\n") + "\n" == copy);
}
