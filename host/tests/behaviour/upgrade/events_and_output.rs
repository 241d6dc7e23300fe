//! What is on its way goes on: output in pipes and in parts, captured output, stdin that nobody reads, events that wait
//! or are being worked on.

use std::fs;

use super::Upgradable;
use crate::{
    common::{Config, Sandbox, wait_until},
    event_listeners::listener::{self, notes, wait_for_note, with_listener},
};

#[test]
fn what_is_captured_in_parts_becomes_one_event() {
    let sandbox = Sandbox::new();
    listener::install(&sandbox);
    // The reader of a FIFO writes what it reads to its stdout.
    let config = Config::new().program(
        "talk",
        "command=/bin/sh -c 'mkfifo {here}/words; exec 3<>{here}/words; exec cat <&3'\nstartsecs=0\n\
         stdout_capture_maxbytes=1MB\nstdout_events_enabled=true",
    );
    let config = with_listener(config, "all", "events=PROCESS_COMMUNICATION,PROCESS_LOG\nstartsecs=0");
    let supervisord = Upgradable::start_in(sandbox, &config);
    let words = supervisord.sandbox.join("words");
    wait_until("there is a pipe", || words.exists());
    let say = |text: &str| fs::write(&words, text).expect("somebody reads");
    say("before <!--XSUPERVISOR:BEG");
    wait_until("the beginning is read", || supervisord.sandbox.read("talk.out").contains("before "));
    supervisord.upgrade();
    say("IN-->one and ");
    supervisord.upgrade();
    say("two<!--XSUPER");
    supervisord.upgrade();
    say("VISOR:END--> after\n");
    wait_for_note(&supervisord.sandbox, "all.notes", "PROCESS_COMMUNICATION_STDOUT", "\none and two");
    wait_until("the rest is logged", || supervisord.sandbox.read("talk.out").ends_with(" after\n"));
    assert_eq!(supervisord.sandbox.read("talk.out"), "before  after\n");
}

#[test]
fn stdin_that_waits_arrives_whole() {
    let config = Config::new()
        .program("late", "command=/bin/sh -c 'while [ ! -e {here}/go ]; do sleep 0.02; done; exec cat'\nstartsecs=0");
    let supervisord = Upgradable::start(&config);
    supervisord.wait_for_state("late", "RUNNING");
    // More than a pipe holds, in two parts with an upgrade between them.
    supervisord.python("s.supervisor.sendProcessStdin('late', ''.join('%d\\n' % n for n in range(40000)))");
    supervisord.upgrade();
    supervisord.python("s.supervisor.sendProcessStdin('late', ''.join('%d\\n' % n for n in range(40000, 80000)))");
    supervisord.upgrade();
    supervisord.sandbox.write("go", "");
    let all = (0..80_000).map(|number| number.to_string()).collect::<Vec<_>>().join("\n") + "\n";
    wait_until("all has come through", || supervisord.sandbox.read("late.out").len() >= all.len());
    assert!(supervisord.sandbox.read("late.out") == all, "in another order, or twice");
}

#[test]
fn events_wait_and_their_numbers_go_on() {
    let sandbox = Sandbox::new();
    listener::install(&sandbox);
    // It works on its first event until it is told to go on.
    sandbox.write(
        "slow",
        "import time\ndef answer(n, headers):\n    \
         while not os.path.exists(os.path.join(os.path.dirname(sys.argv[0]), 'go')): time.sleep(0.02)\n    \
         return 'RESULT 2\\nOK'\n",
    );
    let config = Config::new().section(
        "eventlistener:slow",
        &format!(
            "{}\nevents=REMOTE_COMMUNICATION\nbuffer_size=100\nstartsecs=0\nstderr_logfile={{here}}/slow.err",
            listener::command("slow.notes", Some("slow"))
        ),
    );
    let supervisord = Upgradable::start_in(sandbox, &config);
    let send = |number: u32| supervisord.python(&format!("s.supervisor.sendRemoteCommEvent('n', 'number {number}')"));
    for number in 0..4 {
        send(number);
    }
    wait_for_note(&supervisord.sandbox, "slow.notes", "REMOTE_COMMUNICATION", "number 0");
    let pid = supervisord.pid_of("slow");
    supervisord.upgrade();
    for number in 4..8 {
        send(number);
    }
    supervisord.upgrade();
    supervisord.sandbox.write("go", "");
    wait_for_note(&supervisord.sandbox, "slow.notes", "REMOTE_COMMUNICATION", "number 7");
    let notes = notes(&supervisord.sandbox, "slow.notes");
    let told: Vec<_> = notes.iter().map(|note| note.payload.clone()).collect();
    let all: Vec<_> = (0..8).map(|number| format!("type:n\nnumber {number}")).collect();
    assert_eq!(told, all, "each once and in order");
    let serials: Vec<_> = notes.iter().map(|note| note.number("poolserial")).collect();
    assert_eq!(serials, (0..8).collect::<Vec<_>>());
    assert_eq!(supervisord.pid_of("slow"), pid);
    let log = supervisord.log_lines();
    assert!(!log.iter().any(|line| line.contains("UNKNOWN state")), "{log:?}");
    let running = log.iter().filter(|line| line.contains("SUPERVISOR_STATE_CHANGE")).count();
    assert_eq!(running, 0);
}

#[test]
fn a_log_that_takes_nothing_is_named() {
    // Nobody reads that FIFO once it is full, so what was read cannot be written.
    let config = Config::new().section(
        "program:talk",
        "command=/bin/sh -c 'exec yes'\nstartsecs=0\nstdout_logfile={here}/fifo\nstdout_logfile_maxbytes=0",
    );
    let sandbox = Sandbox::new();
    let fifo = sandbox.join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    let reader = fs::File::options().read(true).write(true).open(&fifo).expect("a reader");
    let supervisord = Upgradable::start_in(sandbox, &config);
    supervisord.wait_for_state("talk", "RUNNING");
    wait_until("it is refused", || {
        let output = supervisord.ctl(&["upgrade"]);
        output.status == 1 && output.stdout.contains("fifo does not take what is written to it")
    });
    assert_eq!(supervisord.statename("talk"), "RUNNING");
    drop(reader);
}

#[test]
fn a_full_disk_is_no_reason_to_stay() {
    let config = Config::new().section(
        "program:talk",
        "command=/bin/sh -c 'exec yes'\nstartsecs=0\nstdout_logfile=/dev/full\nstdout_logfile_maxbytes=0",
    );
    let supervisord = Upgradable::start(&config);
    supervisord.wait_for_state("talk", "RUNNING");
    let pid = supervisord.pid_of("talk");
    supervisord.upgrade();
    assert_eq!(supervisord.pid_of("talk"), pid);
}

#[test]
fn both_streams_go_on_where_they_stood() {
    // Says each word to both.
    let talk = |name: &str| {
        format!(
            "command=/bin/sh -c 'mkfifo {{here}}/{name}.in; exec 3<>{{here}}/{name}.in; while read -r word <&3; do \
             printf %%s \"$word\"; printf %%s \"$word\" >&2; done'\nstartsecs=0"
        )
    };
    let config = Config::new()
        .section("supervisord", "strip_ansi=true")
        .program("apart", &talk("apart"))
        .program("both", &talk("both"))
        .section("program:both", "redirect_stderr=true")
        .section("program:auto", &format!("stdout_logfile=AUTO\nstderr_logfile=AUTO\n{}", talk("auto")));
    let supervisord = Upgradable::start(&config);
    supervisord.wait_for_state("auto", "RUNNING");
    let auto = || [supervisord.info("auto", "stdout_logfile"), supervisord.info("auto", "stderr_logfile")];
    let auto_logs = auto();
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let mut of_both = String::new();
    // A sequence of a terminal is cut by an upgrade.
    for (word, all) in [("one,", "one,"), ("\u{1b}[3", "one,"), ("1mtwo,", "one,two,"), ("three", "one,two,three")] {
        // Where both are one, a sequence would have another begin in it.
        let plain = word.trim_start_matches('\u{1b}');
        of_both += &plain.repeat(2);
        for (name, word) in [("apart", word), ("both", plain), ("auto", word)] {
            let words = supervisord.sandbox.join(format!("{name}.in"));
            wait_until("there is a pipe", || words.exists());
            fs::write(words, format!("{word}\n")).expect("somebody reads");
        }
        wait_until("it is logged", || {
            supervisord.sandbox.read("apart.out") == all
                && supervisord.sandbox.read("apart.err") == all
                && auto_logs.iter().all(|path| read(path) == all)
                && supervisord.sandbox.read("both.out") == of_both
        });
        supervisord.upgrade();
    }
    assert_eq!(auto(), auto_logs);
}
