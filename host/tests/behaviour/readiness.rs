//! Programs that are RUNNING once they are ready: what they say of themselves, and what probes find.

use std::{
    fs,
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    check_config::check,
    common::{Config, Kind, Sandbox, Supervisord, free_port, wait_until},
    upgrade::Upgradable,
};

/// Says to the socket of its environment what it finds in the file `say`, and nothing else.
const NOTIFIER: &str = r"
import os, socket, sys, time

def send(text, fds=()):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect(os.environ['NOTIFY_SOCKET'].replace('@', '\0'))
        if fds:
            socket.send_fds(s, [text], fds)
        else:
            s.send(text)

print(os.environ['NOTIFY_SOCKET'], os.environ.get('WATCHDOG_USEC'), flush=True)
os.chdir(sys.argv[1])
while True:
    try:
        with open('say', 'rb') as file:
            text = file.read()
    except FileNotFoundError:
        text = b''
    if not text:
        time.sleep(0.01)
        continue
    os.remove('say')
    if text == b'descriptors':
        reading, writing = os.pipe()
        send(b'FDSTORE=1', [writing])
        os.close(writing)
        assert os.read(reading, 1) == b''
        print('closed', flush=True)
    elif text == b'descendant':
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                send(b'READY=1')
                time.sleep(1000)
            os.wait()
    else:
        send(text)
";

fn notifier(sandbox: Sandbox, lines: &str) -> Supervisord {
    sandbox.write("notifier.py", NOTIFIER);
    let lines = format!("command=python3 {{here}}/notifier.py {{here}}\nstartsecs=0\nready=notify\n{lines}");
    Supervisord::start_in(sandbox, Kind::Ours, &Config::new().program("x", &lines))
}

/// The address of the program's socket, once it runs.
fn socket_address(supervisord: &Supervisord) -> SocketAddr {
    wait_until("it runs", || supervisord.sandbox.read("x.out").contains('\n'));
    let said = supervisord.sandbox.read("x.out");
    let name = said.split([' ', '\n']).next().expect("a name");
    match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    }
    .expect("a name of a socket")
}

pub(crate) fn wait_for_description(supervisord: &Supervisord, process: &str, description: &str) {
    wait_until(description, || supervisord.info(process, "description").ends_with(description));
}

#[test]
fn a_program_that_notifies_is_running_when_it_says_so() {
    let supervisord = notifier(Sandbox::new(), "environment=NOTIFY_SOCKET=\"/elsewhere\"");
    let address = socket_address(&supervisord);
    wait_for_description(&supervisord, "x", "waits to be ready: notify");

    // A stranger, this test, is not believed.
    let stranger = UnixDatagram::unbound().expect("a socket");
    stranger.send_to_addr(b"READY=1\nSTATUS=of a stranger", &address).expect("anybody may send");
    supervisord.wait_for_log("ignored a notice for 'x' of a process that is none of its own");

    supervisord.sandbox.write("say", "STATUS=loading\x1b[31m 7 %\nMAINPID=1\nX_OTHER=1");
    wait_for_description(&supervisord, "x", "waits to be ready: notify; loading [31m 7 %");
    supervisord.sandbox.write("say", "descriptors");
    wait_until("what it sent is closed", || supervisord.sandbox.read("x.out").contains("closed"));
    assert_eq!(supervisord.statename("x"), "STARTING");

    supervisord.sandbox.write("say", "READY=1\nSTATUS=at your service");
    supervisord.wait_for_state("x", "RUNNING");
    let description = supervisord.info("x", "description");
    assert!(description.starts_with("pid ") && description.ends_with("; at your service"), "{description}");
    let status = supervisord.ctl(&["status"]).stdout;
    assert!(status.contains("RUNNING") && status.contains("; at your service"), "{status}");
    supervisord.wait_for_log(
        "success: x entered RUNNING state, process has stayed up for > than 0 seconds (startsecs) and is ready",
    );
    supervisord.sandbox.write("say", "STOPPING=1");
    wait_for_description(&supervisord, "x", "; says that it is stopping; at your service");
    assert_eq!(supervisord.ctl(&["stop", "x"]).text(), "x: stopped\n");
}

#[test]
fn a_descendant_in_a_session_of_its_own_may_notify() {
    let supervisord = notifier(Sandbox::new(), "stopasgroup=true\nkill_descendants=true");
    socket_address(&supervisord);
    supervisord.sandbox.write("say", "descendant");
    supervisord.wait_for_state("x", "RUNNING");
}

#[test]
fn a_client_that_starts_a_program_waits_until_it_is_ready() {
    let config = Config::new().program(
        "x",
        "command=/bin/sh -c 'while [ ! -e {here}/go ]; do sleep 0.02; done; echo up >&5; exec sleep 1000'\n\
         ready=fd:5\nstartsecs=0\nautostart=false",
    );
    let supervisord = Supervisord::start(&config);
    supervisord.python("s.supervisor.startProcess('x', False)");
    wait_for_description(&supervisord, "x", "waits to be ready: fd:5");
    std::thread::scope(|scope| {
        let ctl = scope.spawn(|| {
            supervisord.python("s.supervisor.stopProcess('x')");
            supervisord.ctl(&["start", "x"])
        });
        supervisord.wait_for_log("stopped: x");
        wait_for_description(&supervisord, "x", "waits to be ready: fd:5");
        assert!(!ctl.is_finished());
        supervisord.sandbox.write("go", "");
        assert_eq!(ctl.join().expect("no panic").text(), "x: started\n");
    });
    assert_eq!(supervisord.statename("x"), "RUNNING");
}

#[test]
fn a_line_feed_at_its_descriptor_makes_a_program_ready() {
    let wait = "while [ ! -e {here}/go ]; do sleep 0.02; done";
    let up =
        |number: u32| format!("command=/bin/bash -c '{wait}; echo >&{number}; exec sleep 1000'\nready=fd:{number}");
    let list = "command=/bin/bash -c 'ls /proc/self/fd; exec sleep 1000'\nready=fd:9\nready_timeout=1000";
    let config = Config::new()
        .program("s6", &format!("{}\nstartsecs=0", up(3)))
        .program("high", &format!("{}\nstartsecs=0\nredirect_stderr=true", up(200)))
        .program("long", &format!("{}\nstartsecs=1000", up(3)))
        .program("closed", "command=/bin/bash -c 'exec 3>&-; exec sleep 1000'\nready=fd:3")
        .program("list", list);
    let supervisord = Supervisord::start(&config);
    for name in ["s6", "high"] {
        wait_until("it has started", || supervisord.pid_of(name) != 0);
        assert_eq!(supervisord.statename(name), "STARTING");
    }
    supervisord.wait_for_log("'closed' cannot become ready: it has closed descriptor 3 without a line feed");
    wait_until("its descriptors are listed", || supervisord.sandbox.read("list.out").lines().count() >= 5);
    let mut listed: Vec<_> = supervisord.sandbox.read("list.out").lines().map(str::to_owned).collect();
    listed.sort();
    // One of them is that of the listing itself.
    assert_eq!(listed, ["0", "1", "2", "3", "9"]);
    supervisord.sandbox.write("go", "");
    supervisord.wait_for_state("s6", "RUNNING");
    supervisord.wait_for_state("high", "RUNNING");
    wait_until("it is ready", || supervisord.info("long", "description").is_empty());
    assert_eq!(supervisord.statename("long"), "STARTING", "it has not stayed up for long enough");
    assert_eq!(supervisord.ctl(&["stop", "all"]).status, 0);
}

#[test]
fn probes_find_a_program_ready() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "server.py",
        "import http.server, os, sys, time\n\
         class Handler(http.server.BaseHTTPRequestHandler):\n    \
             def do_GET(self):\n        \
                 is_ready = self.path == '/up?a=1' and os.path.exists(sys.argv[1] + '/ready')\n        \
                 self.send_response(204 if is_ready else 503)\n        \
                 self.end_headers()\n\
         while not os.path.exists(sys.argv[1] + '/listen'): time.sleep(0.02)\n\
         http.server.HTTPServer(('127.0.0.1', int(sys.argv[2])), Handler).serve_forever()\n",
    );
    let [tcp, http] = [free_port(), free_port()];
    let command = "command=python3 {here}/server.py {here}";
    let execute = "ready=exec:/bin/sh -c 'echo \"$WORD\"; test \"$WORD\" = there && test -e ready'";
    let config = Config::new()
        .program("tcp", &format!("{command} {tcp}\nstartsecs=0\nready=tcp:{tcp}"))
        .program("http", &format!("{command} {http}\nstartsecs=0\nready=http:http://localhost:{http}/up?a=1"))
        .program(
            "exec",
            &format!("command=/bin/sleep 1000\nstartsecs=0\ndirectory={{here}}\nenvironment=WORD=\"there\"\n{execute}"),
        );
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config);
    wait_for_description(
        &supervisord,
        "tcp",
        &format!("waits to be ready: tcp:{tcp} (Connection refused (os error 111))"),
    );
    wait_until("the command says why", || supervisord.info("exec", "description").ends_with(" (exit status 1: there)"));
    supervisord.sandbox.write("listen", "");
    supervisord.wait_for_state("tcp", "RUNNING");
    let answered = format!("waits to be ready: http://localhost:{http}/up?a=1 (status 503 Service Unavailable)");
    wait_for_description(&supervisord, "http", &answered);
    assert_eq!(supervisord.statename("exec"), "STARTING");
    supervisord.sandbox.write("ready", "");
    supervisord.wait_for_state("http", "RUNNING");
    supervisord.wait_for_state("exec", "RUNNING");
    assert!(!supervisord.log().contains("reaped unknown pid"), "{}", supervisord.log());
}

#[test]
fn a_start_that_is_not_ready_in_time_has_failed() {
    let config = Config::new()
        .program("late", "command=/bin/sleep 1000\nready=exec:/bin/false\nready_timeout=0.3\nstartretries=1")
        .program(
            "deaf",
            "command=/bin/sh -c 'trap \"\" TERM; while :; do sleep 0.1; done'\nstopwaitsecs=1\nready=fd:3\n\
                          ready_timeout=0.2\nstartretries=0",
        )
        .program("dead", "command=/bin/false\nready=notify\nstartretries=0")
        .program("hung", "command=/bin/sleep 1000\nready=exec:/bin/sleep 1234.5\nready_timeout=0.2\nstartretries=0");
    let supervisord = Supervisord::start(&config);
    let why = "not ready within 0.3 seconds (ready_timeout): exit status 1";
    supervisord.wait_for_log(&format!("ending 'late' ({}", ""));
    supervisord.wait_for_state("late", "FATAL");
    assert_eq!(supervisord.info("late", "description"), why);
    assert_eq!(supervisord.info("late", "spawnerr"), why);
    assert_eq!(supervisord.log().matches("spawned: 'late'").count(), 2);
    supervisord.wait_for_state("deaf", "FATAL");
    assert!(supervisord.log().contains("killing 'deaf' ("), "{}", supervisord.log());
    supervisord.wait_for_state("dead", "FATAL");
    assert_eq!(supervisord.info("dead", "spawnerr"), "Exited too quickly (process log may have details)");
    supervisord.wait_for_state("hung", "FATAL");
    wait_until("the command of the probe is gone", || !is_there("1234.5"));
}

/// Tells whether a process with that argument is there.
fn is_there(argument: &str) -> bool {
    let has_it = |entry: fs::DirEntry| {
        fs::read(entry.path().join("cmdline"))
            .is_ok_and(|line| line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes()))
    };
    fs::read_dir("/proc").expect("it can be listed").flatten().any(has_it)
}

#[test]
fn a_watchdog_that_is_left_alone_ends_the_program() {
    let supervisord = notifier(Sandbox::new(), "watchdog_secs=1.5\nstartretries=0");
    socket_address(&supervisord);
    assert!(supervisord.sandbox.read("x.out").trim_end().ends_with(" 1500000"));
    supervisord.sandbox.write("say", "READY=1");
    supervisord.wait_for_state("x", "RUNNING");
    let pid = supervisord.pid_of("x");
    for _ in 0..20 {
        supervisord.sandbox.write("say", "WATCHDOG=1");
        wait_until("it was said", || !supervisord.sandbox.join("say").exists());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(supervisord.pid_of("x"), pid, "it has said that it goes on for longer than the time");
    supervisord.wait_for_log(&format!("ending 'x' ({pid}): no WATCHDOG=1 within 1.5 seconds (watchdog_secs)"));
    supervisord.wait_for_log("exited: x (terminated by SIGKILL; not expected)");
    wait_until("it is started again", || ![0, pid].contains(&supervisord.pid_of("x")));
}

#[test]
fn what_waits_to_be_ready_goes_on_waiting_over_an_upgrade() {
    let sandbox = Sandbox::new();
    sandbox.write("notifier.py", NOTIFIER);
    let port = free_port();
    let wait = "while [ ! -e {here}/go ]; do sleep 0.02; done";
    let config = Config::new()
        .program("x", "command=python3 {here}/notifier.py {here}\nstartsecs=0\nready=notify\nwatchdog_secs=1000")
        .program("pipe", &format!("command=/bin/sh -c '{wait}; echo >&3; exec sleep 1000'\nready=fd:3\nstartsecs=0"))
        .program("tcp", &format!("command=/bin/sleep 1000\nready=tcp:{port}\nstartsecs=0"))
        .program("exec", "command=/bin/sleep 1000\nready=exec:/bin/sleep 4321.5\nstartsecs=0")
        .program("late", "command=/bin/sleep 1000\nready=fd:3\nready_timeout=4\nstartretries=0");
    let supervisord = Upgradable::start_in(sandbox, &config);
    socket_address(&supervisord);
    supervisord.sandbox.write("say", "STATUS=half");
    wait_for_description(&supervisord, "x", "; half");
    wait_until("the probe runs", || is_there("4321.5"));
    let pids = |names: &[&str]| names.iter().map(|name| supervisord.pid_of(name)).collect::<Vec<_>>();
    let all = ["x", "pipe", "tcp", "exec"];
    let before = pids(&all);
    for _ in 0..2 {
        supervisord.upgrade();
        assert_eq!(pids(&all), before);
        wait_for_description(&supervisord, "x", "waits to be ready: notify; half");
        assert!(all.iter().all(|name| supervisord.statename(name) == "STARTING"));
    }
    supervisord.sandbox.write("say", "READY=1");
    supervisord.sandbox.write("go", "");
    let _listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    for name in ["x", "pipe", "tcp"] {
        supervisord.wait_for_state(name, "RUNNING");
    }
    supervisord.upgrade();
    supervisord.sandbox.write("say", "STATUS=whole");
    wait_for_description(&supervisord, "x", "; whole");
    assert_eq!(pids(&all), before);
    supervisord.wait_for_state("late", "FATAL");
    assert!(!supervisord.log().contains("lost "), "{}", supervisord.log());
    drop(supervisord);
    wait_until("no probe is left", || !is_there("4321.5"));
}

#[test]
fn a_thousand_probes_that_hang_hold_up_nobody() {
    let sandbox = Sandbox::new();
    // It takes connections, and answers none.
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = silent.local_addr().expect("it has one").port();
    let many = |count: u32| {
        format!(
            "command=/bin/sleep 1000\nnumprocs={count}\nprocess_name=p%(process_num)03d\nstdout_logfile=NONE\n\
             stderr_logfile=NONE"
        )
    };
    let config = Config::new()
        .program("silent", &format!("{}\nready=http://127.0.0.1:{port}/", many(600)))
        .program("hung", &format!("{}\nready=exec:/bin/sleep 999", many(400)))
        .program("crasher", "command=/bin/sleep 1000\nstartsecs=0\npriority=1")
        .program("found", "command=/bin/sleep 1000\nstartsecs=0\npriority=1\nready=exec:/usr/bin/test -e {here}/go");
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config);
    wait_until("all have been started", || supervisord.log().matches("spawned: 'p").count() == 1_000);
    for _ in 0..3 {
        let pid = supervisord.pid_of("crasher");
        // Supervisor, too, starts nothing twice within a second.
        std::thread::sleep(Duration::from_millis(1_100));
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it is there");
        let begin = Instant::now();
        wait_until("it is started again", || ![0, pid].contains(&supervisord.pid_of("crasher")));
        assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    }
    supervisord.sandbox.write("go", "");
    supervisord.wait_for_state("found", "RUNNING");
    let states =
        supervisord.python("print({i['statename'] for i in s.supervisor.getAllProcessInfo() if i['name'][0] == 'p'})");
    assert_eq!(states.trim(), "{'STARTING'}");
}

#[test]
fn wrong_signs_are_errors_that_say_what_would_be_right() {
    let sandbox = Sandbox::new();
    let said =
        |lines: &str| check(&sandbox, &format!("[supervisord]\n[program:x]\ncommand=x\n{lines}\n"), "text").stderr;
    let takes = "line 4: ready takes notify, fd:N, tcp:PORT, http:URL or exec:COMMAND, such as tcp:8080 or http://";
    assert!(said("ready=soon").contains(takes), "{}", said("ready=soon"));
    assert!(said("ready=https://localhost/").contains("a probe speaks plain HTTP, not https"));
    assert!(said("ready=fd:1").contains("fd: takes the number of a descriptor from 3 to 255, not '1'"));
    assert!(said("ready_timeout=3").contains("ready_timeout needs ready="));
    assert!(said("watchdog_secs=3").contains("watchdog_secs needs ready=notify"));
    let lines =
        "process_name=%(program_name)s_%(process_num)d\nnumprocs=2\nready=tcp:808%(process_num)d\nready_timeout=0.5";
    let shown = check(&sandbox, &format!("[supervisord]\n[program:x]\ncommand=x\n{lines}\n"), "text");
    for line in ["ready = tcp:8080", "ready = tcp:8081", "ready_timeout = 0.5"] {
        assert!(shown.text().lines().any(|shown| shown == line), "{line}: {shown:#?}");
    }
}
