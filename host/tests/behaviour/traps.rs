//! What other supervisors have stumbled over, played to Supervisor and to this one.

use std::{fs, time::Instant};

use crate::common::{Config, Kind, Peers, Sandbox, Supervisord, wait_until};

fn sh(script: &str) -> String {
    format!("command=/bin/sh -c '{script}'\n")
}

#[test]
fn the_death_of_another_does_not_end_a_wait() {
    let slow = "trap \"sleep 1.5; exit\" TERM; echo ready; while :; do sleep 0.05; done";
    let config = Config::new()
        .program("slow", &(sh(slow) + "startsecs=0"))
        .program("restless", &(sh("sleep 0.1") + "startsecs=0\nautorestart=true"));
    for supervisord in Supervisord::both(&config) {
        wait_until("its trap is set", || supervisord.sandbox.read("slow.out") == "ready\n");
        let begin = Instant::now();
        supervisord.doctest(
            "
            >>> s.supervisor.stopProcess('slow'), s.supervisor.getProcessInfo('slow')['statename']
            (True, 'STOPPED')
            ",
        );
        assert!(begin.elapsed().as_millis() >= 1500, "{:?}", begin.elapsed());
        assert!(supervisord.log().matches("exited: restless").count() > 0);
    }
}

#[test]
fn so_many_retries_and_not_one_more_or_less() {
    let config = Config::new()
        .program("none", &(sh("exit 1") + "startretries=0\nstartsecs=5"))
        .program("two", &(sh("exit 1") + "startretries=2\nstartsecs=5"))
        .program("absent", "command=/nonexistent/x\nstartretries=1\n");
    for supervisord in Supervisord::both(&config) {
        // The log is written when there is time; it says that last.
        supervisord.wait_for_log("gave up: absent ");
        for (name, starts) in [("none", 1), ("two", 3)] {
            supervisord.wait_for_state(name, "FATAL");
            supervisord.wait_for_log(&format!("gave up: {name} "));
            let story = supervisord.story_of(name);
            let spawned = story.iter().filter(|line| line.contains("spawned")).count();
            assert_eq!(spawned, starts, "{name}: {story:#?}");
        }
        assert_eq!(supervisord.log().matches("spawnerr: can't find command").count(), 2);
        // And it is still there.
        supervisord.doctest(">>> s.supervisor.getState()['statename']\n'RUNNING'\n");
    }
}

#[test]
fn a_group_is_named_with_a_star() {
    let config = Config::new()
        .program("a", "command=/bin/cat\nstartsecs=0")
        .program("b", "command=/bin/cat\nstartsecs=0\nautostart=false")
        .program("other", "command=/bin/cat\nstartsecs=0")
        .section("group:both", "programs=a,b");
    for supervisord in Supervisord::both(&config) {
        supervisord.wait_for_state("both:a", "RUNNING");
        supervisord.wait_for_state("other", "RUNNING");
        supervisord.doctest(
            "
            >>> names = lambda results: [(it['group'], it['name'], it['status']) for it in results]
            >>> names(s.supervisor.startProcess('both:*'))
            [('both', 'b', 80)]
            >>> names(s.supervisor.signalProcess('both:*', 'CONT'))
            [('both', 'a', 80), ('both', 'b', 80)]
            >>> sorted(names(s.supervisor.stopProcess('both:*')))
            [('both', 'a', 80), ('both', 'b', 80)]
            >>> s.supervisor.getProcessInfo('other')['statename']
            'RUNNING'
            ",
        );
    }
}

#[test]
fn values_keep_their_equal_signs_and_lose_their_quotes() {
    let config = Config::new().program(
        "printer",
        &(sh("echo \"$EQUAL|$QUOTED|$BARE|a=b=c\"")
            + "environment=EQUAL=\"x=y=z\",QUOTED='one, two',BARE=plain\nstartsecs=0\nautorestart=false"),
    );
    for supervisord in Supervisord::both(&config) {
        supervisord.wait_for_state("printer", "EXITED");
        wait_until("its line is written", || supervisord.sandbox.read("printer.out").ends_with('\n'));
        assert_eq!(supervisord.sandbox.read("printer.out"), "x=y=z|one, two|plain|a=b=c\n");
    }
}

#[test]
fn names_may_hold_more_than_ascii_letters() {
    // `%` is doubled in the file, since values are expanded; the name of a section is not.
    let config = Config::new()
        .section("program:größe-日本", "command=/bin/cat\nstartsecs=0\nstdout_logfile=NONE\nstderr_logfile=NONE")
        .section("program:half%done", "command=/bin/cat\nstartsecs=0\nstdout_logfile=NONE\nstderr_logfile=NONE");
    for supervisord in Supervisord::both(&config) {
        supervisord.doctest(
            "
            >>> import time
            >>> names = ['größe-日本', 'half%done']
            >>> while any(s.supervisor.getProcessInfo(name)['statename'] != 'RUNNING' for name in names): time.sleep(0.01)
            >>> [s.supervisor.stopProcess(name) for name in names]
            [True, True]
            >>> [info['name'] for info in s.supervisor.getAllProcessInfo()]
            ['größe-日本', 'half%done']
            >>> s.supervisor.startProcess('größe-日本:größe-日本')
            True
            ",
        );
        supervisord.wait_for_log("spawned: 'größe-日本'");
        supervisord.wait_for_log("stopped: half%done (terminated by SIGTERM)");
    }
}

#[test]
fn no_backups_are_no_backups() {
    let script =
        "i=0; while [ $i -lt 40 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done; echo end";
    let config = Config::new().program(
        "writer",
        &(sh(script) + "stdout_logfile_maxbytes=500\nstdout_logfile_backups=0\nstartsecs=0\nautorestart=false"),
    );
    for supervisord in Supervisord::both(&config) {
        supervisord.wait_for_state("writer", "EXITED");
        let names = || -> Vec<String> {
            let entries = fs::read_dir(supervisord.sandbox.path()).expect("the sandbox").flatten();
            entries.map(|it| it.file_name().to_string_lossy().into_owned()).filter(|it| it.contains(".out")).collect()
        };
        // While it is rotated it is not there, and reads as empty.
        wait_until("the log was rotated, and stands alone", || {
            supervisord.sandbox.read("writer.out").len() < 1000 && names() == ["writer.out"]
        });
    }
}

#[test]
fn a_stop_while_it_starts_is_no_failure() {
    let config = Config::new().program("starting", "command=/bin/cat\nstartsecs=1000");
    for supervisord in Supervisord::both(&config) {
        supervisord.wait_for_state("starting", "STARTING");
        supervisord.doctest(
            "
            >>> s.supervisor.stopProcess('starting')
            True
            >>> info = s.supervisor.getProcessInfo('starting')
            >>> info['statename'], info['pid'], info['spawnerr']
            ('STOPPED', 0, '')
            ",
        );
        assert_eq!(
            supervisord.story_of("starting").last().map(String::as_str),
            Some("WARN stopped: starting (terminated by SIGTERM)")
        );
    }
}

#[test]
fn a_start_while_it_stops_is_refused() {
    let script = "trap \"sleep 2; exit\" TERM; echo ready; while :; do sleep 0.05; done";
    let config = Config::new().program("slow", &(sh(script) + "startsecs=0"));
    for supervisord in Supervisord::both(&config) {
        wait_until("its trap is set", || supervisord.sandbox.read("slow.out") == "ready\n");
        supervisord.doctest(
            "
            >>> s.supervisor.stopProcess('slow', False), s.supervisor.getProcessInfo('slow')['statename']
            (True, 'STOPPING')
            >>> fault(s.supervisor.startProcess, 'slow')
            40 ABNORMAL_TERMINATION: slow
            ",
        );
        supervisord.wait_for_state("slow", "STOPPED");
        assert_eq!(supervisord.log().matches("spawned: 'slow'").count(), 1);
    }
}

#[test]
fn a_directory_that_is_not_there_is_the_programs_trouble() {
    let config = Config::new()
        .program("lost", "command=/bin/cat\ndirectory=/nonexistent\nstartretries=0\nstartsecs=1")
        .program("fine", "command=/bin/cat\nstartsecs=0");
    for supervisord in Supervisord::both(&config) {
        supervisord.wait_for_state("lost", "FATAL");
        wait_until("its last words are written", || {
            supervisord.sandbox.read("lost.err")
                == "supervisor: couldn't chdir to /nonexistent: ENOENT\nsupervisor: child process was not spawned\n"
        });
        supervisord.wait_for_state("fine", "RUNNING");
    }
}

#[test]
fn a_log_that_cannot_be_written_stops_nobody_else() {
    // Nobody may make a file there, root included.
    let config = Config::new()
        .program("mute", "command=/bin/cat\nstdout_logfile=/proc/mute.log\nstartretries=0\nstartsecs=0")
        .program("fine", "command=/bin/cat\nstartsecs=0");
    for supervisord in Supervisord::both(&config) {
        supervisord.wait_for_state("fine", "RUNNING");
        match supervisord.kind {
            Kind::Real => supervisord.wait_for_state("mute", "FATAL"),
            // On purpose it runs all the same.
            Kind::Ours => {
                supervisord.wait_for_state("mute", "RUNNING");
                supervisord.wait_for_log("/proc/mute.log");
            }
        }
    }
}

#[test]
fn a_config_with_errors_changes_nothing() {
    let good = Config::new().program("cat", "command=/bin/cat\nstartsecs=0");
    let broken = [
        good.clone().program("new", "command=/bin/cat\nuser=no-such-user"),
        good.clone().program("new", "command=/bin/cat\nstdout_logfile=/nonexistent/dir/x.log"),
        good.clone().program("new", "command=/bin/cat\nstartsecs=soon"),
        good.clone().program("new", "command=/bin/cat\nstdout_logfile_maxbytes=1M"),
    ];
    for supervisord in Supervisord::both(&good) {
        supervisord.wait_for_state("cat", "RUNNING");
        let pid = supervisord.pid_of("cat");
        for config in &broken {
            let text = config.render(supervisord.sandbox.here(), supervisord.port);
            fs::write(supervisord.config_file(), text).expect("the config can be written");
            supervisord.doctest(
                "
                >>> fault(s.supervisor.reloadConfig)
                92 CANT_REREAD: ...
                >>> fault(s.supervisor.addProcessGroup, 'new')
                10 BAD_NAME: new
                >>> [info['name'] for info in s.supervisor.getAllConfigInfo()]
                ['cat']
                ",
            );
        }
        assert_eq!((supervisord.statename("cat"), supervisord.pid_of("cat")), ("RUNNING".to_owned(), pid));
    }
}

/// Holds its own process so that no signal ends it for anybody else: who traces a process is the first to hear of its
/// death, and this one does not listen until the file `go` is there.
const HELD: &str = r"
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
PR_SET_PTRACER, PR_SET_PTRACER_ANY, PTRACE_SEIZE = 0x59616d61, ctypes.c_ulong(-1), 0x4206
libc.prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)
held, here = os.getpid(), os.path.dirname(sys.argv[0])
if os.fork() == 0:
    if libc.ptrace(PTRACE_SEIZE, held, 0, 0) != 0:
        sys.exit('cannot trace: ' + os.strerror(ctypes.get_errno()))
    open(os.path.join(here, 'held'), 'w').close()
    while not os.path.exists(os.path.join(here, 'go')):
        time.sleep(0.01)
    os._exit(0)
while True:
    time.sleep(1)
";

/// The milliseconds of the day at which the log said so.
fn times(supervisord: &Supervisord, text: &str) -> Vec<i64> {
    let log = supervisord.sandbox.read("supervisord.log");
    let time = |line: &str| {
        let fields: Vec<i64> = line[11..23].split([':', ',']).map(|field| field.parse().expect("a time")).collect();
        ((fields[0] * 60 + fields[1]) * 60 + fields[2]) * 1_000 + fields[3]
    };
    log.lines().filter(|line| line.contains(text)).map(time).collect()
}

/// The processor time that it has used, in hundredths of a second.
fn processor_time(supervisord: &Supervisord) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", supervisord.pid())).expect("it is there");
    let fields: Vec<_> = stat.rsplit_once(')').expect("the name ends").1.split_whitespace().collect();
    fields[11].parse::<u64>().expect("user time") + fields[12].parse::<u64>().expect("system time")
}

#[test]
fn a_config_without_any_patience_costs_no_processor() {
    let held =
        format!("command={} {{here}}/held.py\nstopwaitsecs=0\nstartsecs=0", Peers::get().program("python").display());
    let listener = "command=/bin/true\nevents=EVENT\nbuffer_size=1\nstartsecs=0\nautorestart=true\nstderr_logfile=NONE";
    let impatient = "startsecs=-1\nautorestart=true\nstartretries=-1\nstopwaitsecs=-1";
    let config = Config::new()
        .program("held", &held)
        .program("quick", &(sh("exit 0") + impatient))
        .program("failing", &(sh("exit 1") + "startsecs=0\nautorestart=true\nstartretries=0"))
        .program("absent", &format!("command=/nonexistent/x\n{impatient}"))
        .program("ended", &(sh("exit 0") + "startretries=-1"))
        .section("eventlistener:deaf", listener);
    let sandbox = Sandbox::new();
    sandbox.write("held.py", HELD);
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config);
    wait_until("the process is held", || supervisord.sandbox.join("held").exists());
    let (before, begin) = (processor_time(&supervisord), Instant::now());
    supervisord.python("s.supervisor.stopProcess('held', False)");
    let killings = || times(&supervisord, "killing 'held'");
    wait_until("it is killed again and again", || killings().len() >= 4);
    fs::write(supervisord.sandbox.join("go"), "").expect("a file in the sandbox");
    supervisord.wait_for_state("held", "STOPPED");
    let (seconds, used) = (begin.elapsed().as_secs(), processor_time(&supervisord) - before);
    for pair in killings().windows(2) {
        let day = 24 * 60 * 60 * 1_000;
        assert!((pair[1] - pair[0]).rem_euclid(day) >= 990, "{:?}", killings());
    }
    for name in ["quick", "failing", "deaf"] {
        let spawned = times(&supervisord, &format!("spawned: '{name}'")).len() as u64;
        assert!((3..=seconds + 4).contains(&spawned), "{name} was started {spawned} times in {seconds} seconds");
    }
    for name in ["absent", "ended"] {
        assert_eq!(supervisord.statename(name), "FATAL", "{name}");
    }
    assert!(used < 30 * (seconds + 1), "{used} hundredths of a second in {seconds} seconds");
}
