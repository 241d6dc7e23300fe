//! The listeners of superlance, as people run them, under ours and doing their work.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use crate::common::{Config, Kind, Peers, Sandbox, Supervisord, free_port, wait_until};

/// A mail server that keeps what it is given, as long as the test runs.
struct MailServer {
    port: u16,
    mails: Arc<Mutex<String>>,
}

impl MailServer {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let mails = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&mails);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes is none of ours any more.
                let _ = Self::serve(&stream, &kept);
            }
        });
        Self { port, mails }
    }

    fn serve(mut stream: &TcpStream, kept: &Mutex<String>) -> std::io::Result<()> {
        stream.write_all(b"220 here\r\n")?;
        let mut in_data = false;
        for line in BufReader::new(stream).lines() {
            let line = line?;
            let answer = match line.as_str() {
                "." if in_data => "250 kept\r\n",
                _ if in_data => {
                    let mut kept = kept.lock().expect("nobody panics with it");
                    kept.push_str(&line);
                    kept.push('\n');
                    continue;
                }
                "data" | "DATA" => "354 go on\r\n",
                _ => "250 good\r\n",
            };
            in_data = answer.starts_with("354");
            stream.write_all(answer.as_bytes())?;
        }
        Ok(())
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        wait_until(&format!("a mail says {text:?}"), || {
            self.mails.lock().expect("nobody panics with it").contains(text)
        });
    }
}

fn listener(config: Config, name: &str, arguments: &str, events: &str) -> Config {
    let program = Peers::get().program(name);
    let lines =
        format!("command={} {arguments}\nevents={events}\nstderr_logfile={{here}}/{name}.err", program.display());
    config.section(&format!("eventlistener:{name}"), &lines)
}

#[test]
fn its_listeners_do_their_work() {
    let mails = MailServer::start();
    let (nobody, smtp) = (free_port(), mails.port);
    let batch = format!("-t ops@localhost -f sup@localhost -H 127.0.0.1:{smtp} -i 0.01 -e TICK_5");
    let sendmail = "-s {here}/sendmail -m ops@localhost";
    let mut config = Config::new()
        .program("crasher", "command=/bin/sh -c 'sleep 0.2; exit 7'\nautostart=false\nautorestart=false\nstartsecs=0")
        .program("fatal", "command=/bin/false\nautostart=false\nstartretries=0")
        .program("hog", "command=/bin/cat\nstartsecs=0")
        .program("web", "command=/bin/cat\nstartsecs=0");
    for (name, arguments, events) in [
        ("crashmail", format!("-a {sendmail}"), "PROCESS_STATE_EXITED"),
        ("memmon", format!("-p hog=1KB {sendmail}"), "TICK_5"),
        ("httpok", format!("-p web -t 2 {sendmail} http://127.0.0.1:{nobody}/"), "TICK_5"),
        ("fatalmailbatch", batch.clone(), "PROCESS_STATE,TICK_5"),
        ("crashmailbatch", batch, "PROCESS_STATE,TICK_5"),
    ] {
        config = listener(config, name, &arguments, events);
    }
    let sandbox = Sandbox::new();
    let script = format!("#!/bin/sh\n{{ cat; echo; echo '---'; }} >> {}/mail\n", sandbox.here());
    let sendmail = sandbox.write("sendmail", script);
    std::fs::set_permissions(&sendmail, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("our own file");

    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config.section("supervisord", "loglevel=debug"));
    for name in ["crashmail", "memmon", "httpok", "fatalmailbatch", "crashmailbatch"] {
        supervisord.wait_for_log(&format!("{name}: ACKNOWLEDGED -> READY"));
        supervisord.wait_for_state(name, "RUNNING");
    }
    let (hog, web) = (supervisord.pid_of("hog"), supervisord.pid_of("web"));
    supervisord.call("supervisor.startProcess", &["crasher"]);
    supervisord.ctl(&["start", "fatal"]);
    wait_until("crashmail mails", || {
        let mail = supervisord.sandbox.read("mail");
        mail.contains("Process crasher in group crasher exited unexpectedly")
    });
    wait_until("memmon restarts the hog", || ![0, hog].contains(&supervisord.pid_of("hog")));
    wait_until("httpok restarts what does not answer", || ![0, web].contains(&supervisord.pid_of("web")));
    mails.wait_for("Process fatal:fatal failed to start too many times");
    mails.wait_for("Process crasher:crasher (pid");
    for name in ["crashmail", "memmon", "httpok", "fatalmailbatch", "crashmailbatch"] {
        assert_eq!(supervisord.statename(name), "RUNNING", "{name}");
        assert!(!supervisord.log().contains(&format!("{name}: has entered the UNKNOWN state")));
    }
}
