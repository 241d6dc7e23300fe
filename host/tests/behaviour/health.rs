//! Health of programs that run.

use std::{fs, net::TcpListener};

use crate::{
    check_config::check,
    common::{Config, Kind, Sandbox, Supervisord, free_port, wait_until},
    event_listeners::listener::{self, wait_for_note, with_listener},
    readiness::wait_for_description,
    upgrade::Upgradable,
};

const QUICK: &str = "health_interval=0.1\nhealth_retries=2";

#[test]
fn health_is_told_when_it_changes_and_to_everybody() {
    let sandbox = Sandbox::new();
    listener::install(&sandbox);
    sandbox.write("well", "");
    let config = with_listener(Config::new(), "l", "events=PROCESS_HEALTH\nstartsecs=0").program(
        "x",
        &format!(
            "command=/bin/sleep 1000\nstartsecs=0\nhealth=exec:/bin/sh -c 'echo looking; \
             test -e {{here}}/well'\n{QUICK}"
        ),
    );
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config);
    supervisord.wait_for_state("x", "RUNNING");
    supervisord.wait_for_state("l", "RUNNING");
    let pid = supervisord.pid_of("x");
    for round in 1..=2 {
        fs::remove_file(supervisord.sandbox.join("well")).expect("it is there");
        wait_for_description(&supervisord, "x", "; health failed: exit status 1: looking");
        let status = supervisord.ctl(&["status", "x"]).stdout;
        assert!(status.contains("RUNNING") && status.contains("health failed"), "{status}");
        supervisord.sandbox.write("well", "");
        wait_until("it is well", || supervisord.log().matches("health of x is OK again").count() == round);
        assert!(!supervisord.info("x", "description").contains("health"));
    }
    let payload = format!("processname:x groupname:x from_state:RUNNING pid:{pid}");
    wait_for_note(&supervisord.sandbox, "l.notes", "PROCESS_HEALTH_FAILED", &payload);
    wait_for_note(&supervisord.sandbox, "l.notes", "PROCESS_HEALTH_OK", &payload);
    wait_until("four events", || listener::notes(&supervisord.sandbox, "l.notes").len() >= 4);
    let events: Vec<String> =
        listener::notes(&supervisord.sandbox, "l.notes").iter().map(|note| note.event().to_owned()).collect();
    assert_eq!(events, ["PROCESS_HEALTH_FAILED", "PROCESS_HEALTH_OK", "PROCESS_HEALTH_FAILED", "PROCESS_HEALTH_OK"]);
    assert!(supervisord.log().contains("WARN health of x has FAILED (2 in a row): exit status 1: looking"));
    assert_eq!(supervisord.pid_of("x"), pid, "the log is all that follows");
}

#[test]
fn health_that_has_failed_restarts_a_program_if_that_is_asked_for() {
    let port = free_port();
    let lines = format!("command=/bin/sleep 1000\nstartsecs=0\nautorestart=false\nhealth=tcp:{port}\n{QUICK}");
    let supervisord = Supervisord::start(&Config::new().program("x", &format!("{lines}\nhealth_action=restart")));
    supervisord.wait_for_log("health failed: Connection refused (os error 111)");
    supervisord.wait_for_log("exited: x (terminated by SIGTERM; not expected)");
    wait_until("it was started again", || supervisord.log().matches("spawned: 'x'").count() >= 2);
    let _listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    supervisord.wait_for_log("health of x is OK again");
    assert_eq!(supervisord.log().matches("health of x has FAILED").count(), 1, "{}", supervisord.log());
}

#[test]
fn a_probe_that_hangs_counts_as_failed_and_leaves_nothing_behind() {
    let lines = "command=/bin/sleep 1000\nstartsecs=0\nhealth_interval=0.1\nhealth_retries=1\nhealth_timeout=0.2";
    let config = Config::new().program("x", &format!("{lines}\nhealth=exec:/bin/sh -c 'sleep 777.5 & sleep 777.5'"));
    let supervisord = Supervisord::start(&config);
    wait_for_description(&supervisord, "x", "; health failed: no answer within 0.2 seconds");
    supervisord.ctl(&["stop", "x"]);
    wait_until("its process group is gone", || {
        let has_it = |entry: fs::DirEntry| {
            fs::read(entry.path().join("cmdline")).is_ok_and(|line| line.ends_with(b"\x00777.5\0"))
        };
        !fs::read_dir("/proc").expect("it can be listed").flatten().any(has_it)
    });
}

#[test]
fn a_shutdown_leaves_no_command_of_a_probe_behind() {
    let lines = "command=/bin/sleep 1000\nstartsecs=0\nhealth_interval=0.1\nhealth=exec:/bin/sleep 778.5";
    let mut supervisord = Supervisord::start(&Config::new().program("x", lines));
    let is_there = || {
        let has_it = |entry: fs::DirEntry| {
            fs::read(entry.path().join("cmdline")).is_ok_and(|line| line.ends_with(b"\x00778.5\0"))
        };
        fs::read_dir("/proc").expect("it can be listed").flatten().any(has_it)
    };
    wait_until("it is asked", is_there);
    supervisord.signal(nix::sys::signal::Signal::SIGTERM);
    supervisord.wait();
    assert!(!is_there(), "{}", supervisord.log());
}

#[test]
fn without_these_options_there_is_no_thread_for_probes() {
    let threads = |supervisord: &Supervisord| -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", supervisord.pid())).expect("it runs");
        tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("comm")).ok()).collect()
    };
    let config = Config::new().program("x", "command=/bin/sleep 1000\nstartsecs=0");
    let without = Supervisord::start(&config);
    without.wait_for_state("x", "RUNNING");
    assert!(!threads(&without).iter().any(|name| name == "probes\n"), "{:?}", threads(&without));
    let with = Supervisord::start(&config.program("x", "health=tcp:1"));
    with.wait_for_state("x", "RUNNING");
    wait_until("it has one", || threads(&with).iter().any(|name| name == "probes\n"));
}

/// Starts that of Debian's servers, if it is installed, and lets a client wait for it.
fn server_of_debian(program: &str, write: impl FnOnce(&Sandbox, u16), lines: &str) {
    if !std::path::Path::new(program).exists() {
        eprintln!("{program} is not installed: its test is one more beside those that need nothing");
        return;
    }
    let (sandbox, port) = (Sandbox::new(), free_port());
    write(&sandbox, port);
    let lines = lines.replace("{server}", &port.to_string());
    let lines = format!("command={program} {lines}\nstartsecs=0\nautostart=false\nready_timeout=20\n{QUICK}");
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &Config::new().program("x", &lines));
    assert_eq!(supervisord.ctl(&["start", "x"]).text(), "x: started\n", "{}", supervisord.sandbox.read("x.err"));
    std::net::TcpStream::connect(("127.0.0.1", port)).expect("it is ready");
    let pid = nix::unistd::Pid::from_raw(supervisord.pid_of("x"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGSTOP).expect("it is there");
    wait_until("a server that hangs is found", || supervisord.log().contains("health of x has FAILED"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGCONT).expect("it is there");
    supervisord.wait_for_log("health of x is OK again");
    // Redis writes over the environment by which a sandbox knows its processes.
    assert_eq!(supervisord.ctl(&["stop", "x"]).text(), "x: stopped\n");
}

#[test]
fn nginx_is_ready_and_well() {
    let write = |sandbox: &Sandbox, port: u16| {
        let here = sandbox.here();
        sandbox.write(
            "nginx.conf",
            format!(
                "daemon off; master_process off; pid {here}/nginx.pid; error_log stderr; events {{}}\n\
                 http {{ access_log off; client_body_temp_path {here}/b; proxy_temp_path {here}/p; \
                 fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s; \
                 server {{ listen 127.0.0.1:{port}; location / {{ return 204; }} }} }}\n"
            ),
        );
    };
    let lines = "-p {here} -c {here}/nginx.conf\nready=http://127.0.0.1:{server}/\nhealth=http://127.0.0.1:{server}/\n\
                 health_timeout=0.5";
    server_of_debian("/usr/sbin/nginx", write, lines);
}

#[test]
fn redis_is_ready_and_well() {
    let lines = "--port {server} --bind 127.0.0.1 --save \"\" --dir {here}\nready=tcp:{server}\nhealth_timeout=0.5\n\
                 health=exec:/usr/bin/redis-cli -p {server} ping";
    server_of_debian("/usr/bin/redis-server", |_, _| {}, lines);
}

#[test]
fn health_that_has_failed_is_known_after_an_upgrade() {
    let port = free_port();
    let lines = format!("command=/bin/sleep 1000\nstartsecs=0\nhealth=http://127.0.0.1:{port}/\n{QUICK}");
    let supervisord = Upgradable::start(&Config::new().program("x", &lines));
    let failed = "; health failed: Connection refused (os error 111)";
    wait_for_description(&supervisord, "x", failed);
    supervisord.upgrade();
    assert!(supervisord.info("x", "description").ends_with(failed));
    let server = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::io::{Read as _, Write as _};
            let (mut stream, _) = server.accept().expect("a probe");
            let mut request = [0; 512];
            let length = stream.read(&mut request).expect("it asks");
            let request = String::from_utf8_lossy(&request[..length]);
            assert!(request.starts_with(&format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n")), "{request}");
            stream.write_all(b"HTTP/1.1 200 OK\r\n").expect("it listens");
        });
        supervisord.wait_for_log("health of x is OK again");
    });
    assert_eq!(supervisord.log().matches("health of x has FAILED").count(), 1, "it is told once");
}

#[test]
fn wrong_health_is_an_error_that_says_what_would_be_right() {
    let sandbox = Sandbox::new();
    let said =
        |lines: &str| check(&sandbox, &format!("[supervisord]\n[program:x]\ncommand=x\n{lines}\n"), "text").stderr;
    assert!(said("health=fd:3").contains("line 4: health takes tcp:PORT, http:URL or exec:COMMAND, such as tcp:8080"));
    assert!(said("health=tcp:1\nhealth_action=kill").contains("line 5: health_action takes log or restart"));
    assert!(said("health_retries=5").contains("health_retries needs health="));
    let lines = "health=exec:/bin/true\nhealth_action=restart";
    let shown = check(&sandbox, &format!("[supervisord]\n[program:x]\ncommand=x\n{lines}\n"), "text");
    for line in [
        "health = exec:/bin/true",
        "health_interval = 10",
        "health_timeout = 5",
        "health_retries = 3",
        "health_action = restart",
    ] {
        assert!(shown.text().lines().any(|shown| shown == line), "{line}: {shown:#?}");
    }
}
