//! One call after the other fails, whichever it is, while supervisord does a little of everything: afterwards all is as
//! it should be.

use std::{fs, io::Read as _, net::TcpStream, time::Duration};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    injection::{Call, Injection, descriptors_at_rest, nothing_leaks},
    lateness,
};
use crate::{
    common::{Config, Supervisord, http, wait_until},
    event_listeners::listener::{install, with_listener},
};

/// Calls, the files or threads that they are about, and an error of each.
const CALLS: [(Call, &str, Errno); 18] = [
    (Call::Open, "", Errno::EMFILE),
    (Call::Write, "supervisor-test-", Errno::EIO),
    (Call::Read, "supervisor-test-", Errno::EIO),
    (Call::Sync, "", Errno::EIO),
    (Call::Truncate, "", Errno::EIO),
    (Call::Rename, "", Errno::EIO),
    (Call::Unlink, "", Errno::EIO),
    (Call::Pipe, "", Errno::ENFILE),
    (Call::Clone, "", Errno::ENOMEM),
    (Call::Spawn, "", Errno::EAGAIN),
    (Call::Thread, "", Errno::EAGAIN),
    (Call::Accept, "", Errno::ENFILE),
    (Call::Watch, "output", Errno::ENOSPC),
    (Call::Map, "supervisord", Errno::ENOMEM),
    (Call::Memfd, "", Errno::ENOMEM),
    (Call::Socket, "", Errno::ENFILE),
    (Call::Duplicate, "", Errno::EMFILE),
    (Call::List, "", Errno::EMFILE),
];

/// What a client is answered, as far as it is.
fn ask(supervisord: &Supervisord, request: &str) -> String {
    let mut answer = Vec::new();
    if let Ok(mut client) = TcpStream::connect(("127.0.0.1", supervisord.port)) {
        client.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        let _ = std::io::Write::write_all(&mut client, request.as_bytes());
        let _ = client.read_to_end(&mut answer);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn call(supervisord: &Supervisord, method: &str, params: &[&str]) -> String {
    let body = http::call(method, params);
    let head = "POST /RPC2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length:";
    ask(supervisord, &format!("{head} {}\r\n\r\n{body}", body.len()))
}

fn get(supervisord: &Supervisord, path: &str, headers: &str) -> String {
    ask(supervisord, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"))
}

/// A little of everything. Returns what the cache has acknowledged.
fn a_little_of_everything(supervisord: &Supervisord, key: &str) -> Option<String> {
    let call = |method: &str, params: &[&str]| call(supervisord, method, params);
    if let Ok(pid) = supervisord.sandbox.read("pid").trim().parse() {
        // Where it was to be started a moment ago and could not be, it is gone.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    call("supervisor.stopProcess", &["other"]);
    call("supervisor.startProcess", &["other"]);
    call("supervisor.sendProcessStdin", &["other", "a line that is longer than the log may become\n"]);
    call("supervisor.readProcessStdoutLog", &["other", "0", "0"]);
    call("supervisor.tailProcessStderrLog", &["other", "0", "100"]);
    call("supervisor.readLog", &["-100", "0"]);
    call("supervisor.clearProcessLogs", &["other"]);
    call("supervisor.getAllProcessInfo", &[]);
    call("logs.rotate", &["other"]);
    call("logs.reopen", &[]);
    call("supervisor.reloadConfig", &[]);
    call("upgrade.check", &[]);
    get(supervisord, "/metrics", "");
    get(supervisord, "/mainlogtail", "Range: bytes=-10\r\n");
    get(supervisord, "/", "");
    let stored = call("cache.store", &[key, "value"]).contains("<boolean>1</boolean>");
    call("cache.delete", &["nothing"]);
    stored.then(|| key.to_owned())
}

#[test]
fn after_any_one_failure_all_is_as_it_should_be() {
    let sandbox = lateness::sandbox();
    install(&sandbox);
    fs::create_dir(sandbox.join("conf.d")).expect("a directory");
    sandbox.write("conf.d/idle.conf", "[program:idle]\ncommand=/bin/cat\nautostart=false\n");
    let faults = Injection::new(&sandbox);
    let lines = "startsecs=0\nstartretries=0\nrestart_delay=0.1\nenv_file={here}/some.env";
    sandbox.write("some.env", "A=b\n");
    let config = with_listener(Config::new(), "ear", "events=PROCESS_STATE\nstartsecs=0")
        .section("include", "files=conf.d/*.conf")
        .section("inet_http_server", "metrics=true")
        .section("rpcinterface:cache", "store=file\nfile={here}/cache")
        .program("cat", &format!("command=/bin/sh -c 'echo $$ > {{here}}/pid; exec cat'\n{lines}"))
        .program("other", &format!("command=/bin/cat\n{lines}\nstdout_logfile_maxbytes=10\nstdout_logfile_backups=3"));
    let supervisord = faults.start(sandbox, &config);
    let all_run = || ["cat", "other", "ear"].iter().all(|name| supervisord.statename(name) == "RUNNING");
    wait_until("all run", all_run);
    let idle = supervisord.pid_of("ear");
    // Once without a failure, so that whatever stays open is open.
    a_little_of_everything(&supervisord, "first");
    wait_until("all run", all_run);
    let open = descriptors_at_rest(&supervisord);
    let (mut stored, mut failures) = (Vec::new(), 0);
    for (of, pattern, errno) in CALLS {
        for skipped in 0.. {
            let what = format!("{of:?} {skipped}");
            let broken = faults.fail_some(of, pattern, errno, skipped, 1);
            stored.extend(a_little_of_everything(&supervisord, &what));
            let has_failed = broken.hits() > 0;
            drop(broken);
            assert!(!call(&supervisord, "supervisor.startProcess", &["other"]).is_empty(), "{what}: no answer");
            wait_until(&format!("all run after {what}"), all_run);
            let reread = call(&supervisord, "supervisor.reloadConfig", &[]);
            assert!(!reread.contains("faultCode") && !reread.contains("<string>"), "{what}: {reread}");
            assert!(call(&supervisord, "cache.store", &["check", &what]).contains("<boolean>1</boolean>"), "{what}");
            assert!(get(&supervisord, "/metrics", "").contains("supervisor_cache_keys"), "{what}");
            assert_eq!(supervisord.pid_of("ear"), idle, "{what}");
            assert!(!supervisord.sandbox.read("stderr.txt").contains("panicked at host"), "{what}");
            if !has_failed {
                break;
            }
            failures += 1;
        }
    }
    println!("{failures} failures");
    for key in stored {
        assert!(supervisord.call("cache.fetch", &[&key]).contains("value"), "{key}");
    }
    assert!(!supervisord.log().contains("FATAL"));
    nothing_leaks(&supervisord, open);
}
